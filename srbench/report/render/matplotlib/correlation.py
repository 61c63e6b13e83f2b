"""Heat map of how far the metrics order the rows alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from srbench.report.model import Correlation, Leaderboard
from srbench.report.render.matplotlib.style import INK, footnote, new_figure
from srbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def correlation_figure(board: Leaderboard, table: Correlation) -> Figure:
    """Spearman's (Kendall's) rank correlation of every pair of metrics on one data set."""
    names = [plain(board.title(name)) for name in table.metrics]
    count = len(names)
    figure = new_figure(1.9 + 1.05 * count, 1.9 + 0.75 * count)
    axes = figure.add_subplot()
    values = np.array(
        [[np.nan if v is None else v for v in row] for row in table.spearman], dtype=np.float64
    )
    # Purple to green stays two-sided for every kind of colour vision.
    axes.imshow(np.ma.masked_invalid(values), cmap="PRGn", vmin=-1.35, vmax=1.35, aspect="auto")
    for i in range(count):
        for j in range(count):
            s, k = table.spearman[i][j], table.kendall[i][j]
            text = "-" if s is None or k is None else f"{s:+.2f}\n({k:+.2f})"
            axes.text(j, i, text, ha="center", va="center", fontsize=9, color=INK)
    axes.set_xticks(range(count), names)
    axes.set_yticks(range(count), names)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(f"{plain(table.dataset)}: do the metrics agree?")
    footnote(
        figure,
        f"Spearman (Kendall) over {table.rows} rows. +1: the same order, better with better; "
        "-1: the opposite order.",
    )
    return figure
