"""The critical-difference diagram (Demsar, JMLR 2006), over images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.report.model import Leaderboard
from srbench.report.render.matplotlib.style import INK, PALETTE, footnote, new_figure, short
from srbench.report.second_view import SecondView, p_text, rank_bars
from srbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def critical_difference_figure(board: Leaderboard, view: SecondView) -> Figure:
    """Mean ranks on a line; rows that a bar joins are not told apart by Nemenyi's test."""
    count = len(view.labels)
    bars = rank_bars(view.mean_ranks, view.critical_difference)
    half = (count + 1) // 2
    depth = 0.45 + 0.22 * len(bars) + 0.42 * half
    figure = new_figure(8.2, 1.9 + 0.5 * depth)
    axes = figure.add_subplot()
    axes.set_axis_off()
    low, high = 1.0, float(count)
    room = 0.42 * (high - low)
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(-depth - 0.1, 1.25)
    _draw_axis(axes, low, high, view.critical_difference)
    for level, (first, last) in enumerate(bars):
        y = -0.3 - 0.22 * level
        margin = 0.012 * (high - low)
        ends = [view.mean_ranks[first] - margin, view.mean_ranks[last] + margin]
        axes.plot(ends, [y, y], color=PALETTE[1], linewidth=4, solid_capstyle="round", zorder=3)
    for index, (label, rank) in enumerate(zip(view.labels, view.mean_ranks, strict=True)):
        left = index < half
        step = index if left else count - 1 - index
        y = -0.45 - 0.22 * len(bars) - 0.42 * step
        edge = low - 0.03 * (high - low) if left else high + 0.03 * (high - low)
        axes.plot([rank, rank, edge], [0, y, y], color=INK, linewidth=0.9)
        name = short(plain(label), 28)
        axes.text(
            edge,
            y,
            f"{name}  {rank:.2f} " if left else f" {rank:.2f}  {name}",
            ha="right" if left else "left",
            va="center",
            fontsize=9,
        )
    axes.set_title(
        f"{plain(view.dataset)}, {plain(board.title(view.metric))}: mean rank over "
        f"{view.images} images (1 is best)"
    )
    footnote(
        figure,
        f"For {view.about}: images are the blocks, so this says nothing about another training of "
        f"these losses. Rows joined by a bar are not told apart (Nemenyi, 5 %). Friedman's test "
        f"that all rows are alike: {p_text(view.p_value)}.",
    )
    return figure


def _draw_axis(axes: Axes, low: float, high: float, difference: float) -> None:
    axes.plot([low, high], [0, 0], color=INK, linewidth=1.2)
    step = max(1, round((high - low) / 12))
    for tick in range(int(low), int(high) + 1, step):
        axes.plot([tick, tick], [0, 0.1], color=INK, linewidth=1)
        axes.text(tick, 0.16, str(tick), ha="center", va="bottom", fontsize=8.5)
    end = min(low + difference, high)
    axes.plot([low, end], [0.75, 0.75], color=INK, linewidth=1.4)
    for x in (low, end):
        axes.plot([x, x], [0.68, 0.82], color=INK, linewidth=1.4)
    axes.text(
        low, 0.9, f"critical difference {difference:.2f}", ha="left", va="bottom", fontsize=8.5
    )
