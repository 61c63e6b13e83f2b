"""Validation curves, one panel per loss."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from srbench.records import CurvePoint
from srbench.report.model import Curve, Leaderboard, Row
from srbench.report.render.matplotlib.style import PALETTE, footnote, new_figure, short
from srbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Line = tuple[np.ndarray, np.ndarray]
MAX_PANELS = 24
VERDICT_WORDS = {
    "settled": "settled",
    "not-converged": "not converged",
    "unknown": "too few points to tell",
}


def curves_of(board: Leaderboard, row: Row) -> list[Curve]:
    """A row's curves at its chosen content scale, one per seed."""
    return [c for c in board.curves if c.label == row.label and c.scale == row.scale]


def curve_line(points: Iterable[CurvePoint], name: str) -> Line | None:
    """Iterations and values of one logged quantity; ``None`` with fewer than two points."""
    values = sorted((p.iteration, p.scores[name]) for p in points if name in p.scores)
    if len(values) < 2:
        return None
    iterations, scores = zip(*values, strict=True)
    return np.asarray(iterations, dtype=np.float64), np.asarray(scores, dtype=np.float64)


def mean_line(lines: Sequence[Line]) -> Line | None:
    """Mean over seeds at the iterations that all of them share; ``None`` with fewer than two."""
    shared = np.array(sorted(set.intersection(*(set(x.tolist()) for x, _ in lines))))
    if len(shared) < 2:
        return None
    return shared, np.mean([y[np.isin(x, shared)] for x, y in lines], axis=0)


def validation_figure(board: Leaderboard, metric: str) -> Figure | None:
    """One panel per trained row: its seeds in colour, the other rows' means in grey behind."""
    lines = _validation_lines(board, metric)
    rows = [row for row in board.rows if row.label in lines]
    if not rows:
        return None
    shown = rows[:MAX_PANELS]
    columns = min(4, len(shown))
    depth = math.ceil(len(shown) / columns)
    figure = new_figure(2.6 * columns + 0.6, 2.1 * depth + 1.0)
    grid = figure.subplots(depth, columns, sharex=True, sharey=True, squeeze=False)
    means = {label: mean_line(found) for label, found in lines.items()}
    for axes, row in zip(grid.flat, shown, strict=False):
        _draw_others(axes, means, row.label)
        for line in lines[row.label]:
            axes.plot(*line, color=PALETTE[0], linewidth=1.3, alpha=0.75)
        axes.set_title(short(plain(row.label), 26), fontsize=9.5)
        if metric == board.rank_metric:
            _write_verdict(axes, row)
    for index, axes in enumerate(grid.flat):
        axes.tick_params(labelbottom=index + columns >= len(shown))
        if index >= len(shown):
            axes.set_axis_off()
    figure.supylabel(f"validation {plain(board.title(metric))}", fontsize=9.5)
    hidden = len(rows) - len(shown)
    footnote(
        figure,
        "Against iterations of the adversarial stage, on the held-out training images, at the "
        "content scale that was chosen. Blue: the row's seeds. Grey: the other rows, means over "
        f"seeds.{f' {hidden} more rows have no panel.' if hidden else ''}",
    )
    return figure


def _validation_lines(board: Leaderboard, metric: str) -> dict[str, list[Line]]:
    lines: dict[str, list[Line]] = {}
    for row in board.rows:
        found = [curve_line(c.validation, metric) for c in curves_of(board, row)]
        kept = [line for line in found if line is not None]
        if kept and row.trained:
            lines[row.label] = kept
    return lines


def _draw_others(axes: Axes, means: Mapping[str, Line | None], label: str) -> None:
    for other, line in means.items():
        if line is not None and other != label:
            axes.plot(*line, color="#d5d5d5", linewidth=0.8, zorder=1)


def _write_verdict(axes: Axes, row: Row) -> None:
    axes.text(
        0.97,
        0.95,
        VERDICT_WORDS[row.convergence],
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=8,
        color=PALETTE[1] if row.convergence == "not-converged" else "#555555",
        bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.4},
    )
