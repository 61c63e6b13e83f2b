"""The perception-distortion plane (Blau and Michaeli, CVPR 2018) with its Pareto front."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from srbench.records import MetricInfo
from srbench.report.front import Point, pareto_front
from srbench.report.model import Cell, Leaderboard, Row
from srbench.report.render.matplotlib.placement import label_points
from srbench.report.render.matplotlib.style import (
    GREY,
    MARKERS,
    PALETTE,
    footnote,
    new_figure,
    short,
)
from srbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_NAMES = 14


def plane_figure(
    board: Leaderboard, dataset: str, distortion: MetricInfo, perception: MetricInfo
) -> Figure:
    """One data set's plane: a point per row, at its chosen content scale, with intervals."""
    figure = new_figure(8.2, 5.6)
    axes = figure.add_subplot()
    rows = [
        row
        for row in board.rows
        if (dataset, distortion.name) in row.cells and (dataset, perception.name) in row.cells
    ]
    points = [
        (row.cells[dataset, distortion.name].mean, row.cells[dataset, perception.name].mean)
        for row in rows
    ]
    lower = (distortion.lower_is_better, perception.lower_is_better)
    _draw_front(axes, points, lower)
    styles = _styles(rows)
    for row, point in zip(rows, points, strict=True):
        colour, marker = styles[row.task if row.trained else ""]
        if board.intervals.kind == "seeds":
            _draw_intervals(
                axes,
                row.cells[dataset, distortion.name],
                row.cells[dataset, perception.name],
                colour,
            )
        face = colour if row.trained else "white"
        axes.plot(*point, marker, color=colour, markersize=8, markerfacecolor=face, zorder=4)
    for task, (colour, marker) in styles.items():
        name, face = (plain(task), colour) if task else ("no loss (reference)", "white")
        axes.plot([], [], marker, color=colour, label=name, markerfacecolor=face, markersize=7)
    axes.set_xlabel(f"{plain(distortion.heading)} (distortion)")
    axes.set_ylabel(f"{plain(perception.heading)} (perception)")
    axes.set_title(f"{plain(dataset)}: perception against distortion", pad=12)
    axes.margins(0.12)
    orient(axes, lower)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), title="pretrained for", fontsize=8.5)
    named = _named(rows, points, lower)
    footnote(figure, _caption(board, len(rows) - len(named)))
    names = [(*points[i], short(plain(rows[i].label))) for i in named]
    label_points(axes, names, avoid=points)
    return figure


def _named(rows: Sequence[Row], points: Sequence[Point], lower: tuple[bool, bool]) -> list[int]:
    """Rows whose name is written: all, or the front and the references where that would clutter."""
    if len(rows) <= MAX_NAMES:
        return list(range(len(rows)))
    front = set(pareto_front(points, lower=lower))
    return [i for i, row in enumerate(rows) if i in front or row.reference]


def _caption(board: Leaderboard, unnamed: int) -> str:
    text = (
        "The staircase is the Pareto front: no row beats those on it in both. Nearer the lower "
        f"right is better. Suite {plain(board.suite)} v{board.suite_version}, protocol "
        f"{plain(board.protocol)}. "
    )
    if unnamed:
        text += f"{unnamed} rows behind the front are not named. "
    if board.intervals.kind == "seeds":
        return text + f"Bars: {board.intervals.meaning}"
    return text + "One seed: how far another training of a loss would move its point is unknown."


def _styles(rows: Sequence[Row]) -> dict[str, tuple[str, str]]:
    tasks = sorted({row.task for row in rows if row.trained})
    styles = {
        task: (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]) for i, task in enumerate(tasks)
    }
    if any(not row.trained for row in rows):
        styles[""] = (GREY, "o")
    return styles


def orient(axes: Axes, lower: tuple[bool, bool]) -> None:
    """Better distortion to the right, better perception downwards, whatever the metrics."""
    if lower[0]:
        axes.invert_xaxis()
    if not lower[1]:
        axes.invert_yaxis()
    axes.annotate(
        "better",
        xy=(1.15, 0.03),
        xytext=(1.06, 0.13),
        xycoords="axes fraction",
        annotation_clip=False,
        fontsize=9,
        color="#555555",
        ha="center",
        va="bottom",
        arrowprops={"arrowstyle": "->", "color": "#555"},
    )


def _draw_front(axes: Axes, points: Sequence[Point], lower: tuple[bool, bool]) -> None:
    front = [points[i] for i in pareto_front(points, lower=lower)]
    if len(front) < 2:
        return
    corners = [front[0]]
    for before, after in itertools.pairwise(front):
        # Between two points of the front lies what both rows reach: the worse of each axis.
        corners += [(after[0], before[1]), after]
    axes.plot(
        *zip(*corners, strict=True),
        color="#bbbbbb",
        linewidth=5,
        zorder=1,
        alpha=0.55,
        solid_joinstyle="round",
    )


def _draw_intervals(axes: Axes, x: Cell, y: Cell, colour: str) -> None:
    if x.low is not None and x.high is not None:
        axes.plot([x.low, x.high], [y.mean, y.mean], color=colour, linewidth=1, alpha=0.45)
    if y.low is not None and y.high is not None:
        axes.plot([x.mean, x.mean], [y.low, y.high], color=colour, linewidth=1, alpha=0.45)
