"""Values logged while training, one panel per quantity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from srbench.report.model import Leaderboard, Row
from srbench.report.render.matplotlib.curves import Line, curve_line, curves_of, mean_line
from srbench.report.render.matplotlib.style import GREY, PALETTE, footnote, new_figure, short
from srbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOUSEKEEPING = frozenset({"data_wait_fraction", "iterations_per_second", "learning_rate"})
"""Logged for the running of a job; they say nothing about a loss."""

LOG_RATIO = 50.0
"""Values that span more than this, all positive, are drawn on a logarithmic axis."""


def training_figure(board: Leaderboard) -> Figure | None:
    """One line per trained row, mean over seeds, smoothed; the best eight rows in colour."""
    rows = [row for row in board.rows if row.trained and curves_of(board, row)]
    names = _quantities(board, rows)
    if not names:
        return None
    columns = min(3, len(names))
    depth = math.ceil(len(names) / columns)
    figure = new_figure(3.2 * columns + 1.8, 2.5 * depth + 0.9)
    grid = figure.subplots(depth, columns, sharex=True, squeeze=False)
    for index, axes in enumerate(grid.flat):
        axes.tick_params(labelbottom=index + columns >= len(names))
        if index >= len(names):
            axes.set_axis_off()
            continue
        for place, row in enumerate(rows):
            _draw_row(axes, _logged(board, row, names[index]), place)
        axes.set_title(plain(names[index]))
        low, high = axes.dataLim.intervaly
        if low > 0 and high > LOG_RATIO * low:
            axes.set_yscale("log")
    _draw_legend(figure, rows)
    footnote(
        figure,
        "Values logged while training, against iterations of the adversarial stage: mean over "
        "seeds, running mean over a twentieth of the run.",
    )
    return figure


def _quantities(board: Leaderboard, rows: list[Row]) -> list[str]:
    """Logged quantities that make a line, in the order of the log."""
    logs = [curve.log for row in rows for curve in curves_of(board, row)]
    names = dict.fromkeys(name for log in logs for point in log for name in point.scores)
    return [
        name
        for name in names
        if name not in HOUSEKEEPING and any(_logged(board, row, name) for row in rows)
    ]


def _logged(board: Leaderboard, row: Row, name: str) -> Line | None:
    found = [curve_line(curve.log, name) for curve in curves_of(board, row)]
    lines = [line for line in found if line is not None]
    return mean_line(lines) if lines else None


def _look(place: int) -> dict[str, object]:
    if place >= len(PALETTE):
        return {"color": GREY, "alpha": 0.4, "linewidth": 0.9, "zorder": 1}
    style = ("-", "--")[place % 2]
    return {"color": PALETTE[place], "linestyle": style, "linewidth": 1.2, "zorder": 3}


def _draw_row(axes: Axes, line: Line | None, place: int) -> None:
    if line is not None:
        axes.plot(line[0], _smooth(line[1]), **_look(place))  # type: ignore[arg-type]


def _draw_legend(figure: Figure, rows: list[Row]) -> None:
    from matplotlib.lines import Line2D

    named = rows[: len(PALETTE)]
    labels = [short(plain(row.label), 26) for row in named]
    if len(rows) > len(named):
        labels.append(f"{len(rows) - len(named)} other rows")
    handles = [Line2D([], [], **_look(place)) for place in range(len(labels))]  # type: ignore[arg-type]
    figure.legend(handles, labels, loc="outside right upper", fontsize=8)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Running mean; windows shrink at the ends, so that no value is invented there."""
    half = max(0, len(values) // 40)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    first, last = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return np.asarray((sums[last] - sums[first]) / (last - first))
