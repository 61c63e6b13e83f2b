"""The critical-difference diagram (Demsar, JMLR 2006), over images."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from srbench.report.model import Leaderboard
from srbench.report.render.site.charts.svg import Axis, element, line, picture, shorten, text
from srbench.report.second_view import SecondView, rank_bars

STEP = 22.0
BASE = 52.0
"""Where the scale lies, pixels from the top."""


def critical_difference(
    board: Leaderboard, view: SecondView, links: Mapping[str, str], *, width: int
) -> Markup:
    """Mean ranks on a line; a bar joins rows that Nemenyi's test cannot tell apart.

    Names stand at both sides, or with little room below the scale.
    """
    narrow = width < 500
    count = len(view.labels)
    bars = rank_bars(view.mean_ranks, view.critical_difference)
    room = 16.0 if narrow else 200.0
    axis = Axis(low=1.0, high=float(count), start=room, end=width - room)
    parts = _scale(axis, view.critical_difference)
    for level, (first, last) in enumerate(bars):
        y = BASE + 12 + 9 * level
        ends = axis.at(view.mean_ranks[first]) - 3, axis.at(view.mean_ranks[last]) + 3
        parts.append(line(ends[0], y, ends[1], y, "tie"))
    below = BASE + 24 + 9 * len(bars)
    half = (count + 1) // 2
    for index, (label, rank) in enumerate(zip(view.labels, view.mean_ranks, strict=True)):
        x, left = axis.at(rank), index < half
        step = index if left or narrow else count - 1 - index
        y = below + STEP * (step + 0.5)
        stem, name = (
            _below(x, y, label, rank, width)
            if narrow
            else _beside(axis, x, y, label, rank, left=left)
        )
        parts += [*stem, element("a", {"href": links[label], "class": "row-link"}, [name])]
    height = round(below + STEP * (count if narrow else half) + 10)
    return picture(width, height, _told(board, view), "ranks", parts)


def _told(board: Leaderboard, view: SecondView) -> str:
    ranks = ", ".join(f"{n} {r:.2f}" for n, r in zip(view.labels, view.mean_ranks, strict=True))
    return (
        f"Critical-difference diagram, {board.title(view.metric)} on {view.dataset}, mean ranks "
        f"over {view.images} images: {ranks}. Critical difference {view.critical_difference:.2f}."
    )


def _scale(axis: Axis, difference: float) -> list[Markup]:
    parts = [line(axis.start, BASE, axis.end, BASE, "axis")]
    step = max(1, round((axis.high - axis.low) / 12))
    for tick in range(int(axis.low), int(axis.high) + 1, step):
        parts.append(line(axis.at(tick), BASE - 6, axis.at(tick), BASE, "axis"))
        parts.append(text(axis.at(tick), BASE - 11, str(tick), "tick", "middle"))
    end = axis.at(min(axis.low + difference, axis.high))
    parts.append(line(axis.start, 10, end, 10, "axis"))
    parts += [line(x, 6, x, 14, "axis") for x in (axis.start, end)]
    words = f"critical difference {difference:.2f}"
    inside = end + 150 > axis.end  # no room beyond the bar: on a line of its own, below it
    parts.append(
        text(axis.start, 26, words, "hint") if inside else text(end + 8, 14, words, "hint")
    )
    return parts


def _below(x: float, y: float, label: str, rank: float, width: int) -> tuple[list[Markup], Markup]:
    """The name beside its line, on the side where there is room."""
    name = shorten(label, 26)
    if x > width / 2:
        words = text(x - 6, y + 4, f"{name}  {rank:.2f}", "name", "end")
    else:
        words = text(x + 6, y + 4, f"{rank:.2f}  {name}", "name")
    return [line(x, BASE, x, y, "stem")], words


def _beside(
    axis: Axis, x: float, y: float, label: str, rank: float, *, left: bool
) -> tuple[list[Markup], Markup]:
    name = shorten(label, 26)
    edge = axis.start - 10 if left else axis.end + 10
    if left:
        words = text(edge - 4, y + 4, f"{name}  {rank:.2f}", "name", "end")
    else:
        words = text(edge + 4, y + 4, f"{rank:.2f}  {name}", "name")
    return [line(x, BASE, x, y, "stem"), line(x, y, edge, y, "stem")], words
