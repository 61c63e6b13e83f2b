"""The critical-difference diagram (Demsar, JMLR 2006), over images."""

from __future__ import annotations

from srbench.report.figures.drawing import Axis, Drawing, Label, Part, Spot, line, shorten, text
from srbench.report.model import Leaderboard
from srbench.report.second_view import SecondView, p_text, rank_bars

STEP = 22.0
BASE = 52.0
"""Where the scale lies, pixels from the top."""


def ranks(board: Leaderboard, view: SecondView, *, width: int = 980) -> Drawing:
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
        # With little room the name stands beside its line, on the side where there is some.
        edge = x if narrow else axis.start - 10 if left else axis.end + 10
        parts.append(line(x, BASE, x, y, "stem"))
        if not narrow:
            parts.append(line(x, y, edge, y, "stem"))
        name = _name(edge, y, label, rank, before=x > width / 2 if narrow else left)
        parts.append(Spot(row=label, kind="row-link", parts=(name,)))
    title = f"{view.dataset}, {board.title(view.metric)}: mean rank over {view.images} images"
    return Drawing(
        width=width,
        height=round(below + STEP * (count if narrow else half) + 10),
        kind="ranks",
        told=_told(board, view),
        parts=tuple(parts),
        title=f"{title} (1 is best)",
        note=f"For {view.about}: images are the blocks, so this says nothing about another "
        "training of these losses. Rows joined by a bar are not told apart (Nemenyi, 5 %). "
        f"Friedman's test that all rows are alike: {p_text(view.p_value)}.",
    )


def _name(x: float, y: float, label: str, rank: float, *, before: bool) -> Label:
    name = shorten(label, 26)
    if before:
        return text(x - 5, y + 4, f"{name}  {rank:.2f}", "name", "end")
    return text(x + 5, y + 4, f"{rank:.2f}  {name}", "name")


def _told(board: Leaderboard, view: SecondView) -> str:
    ranks = ", ".join(f"{n} {r:.2f}" for n, r in zip(view.labels, view.mean_ranks, strict=True))
    return (
        f"Critical-difference diagram, {board.title(view.metric)} on {view.dataset}, mean ranks "
        f"over {view.images} images: {ranks}. Critical difference {view.critical_difference:.2f}."
    )


def _scale(axis: Axis, difference: float) -> list[Part]:
    parts: list[Part] = [line(axis.start, BASE, axis.end, BASE, "axis")]
    step = max(1, round((axis.high - axis.low) / 12))
    for tick in range(int(axis.low), int(axis.high) + 1, step):
        parts.append(line(axis.at(tick), BASE - 6, axis.at(tick), BASE, "axis"))
        parts.append(text(axis.at(tick), BASE - 11, str(tick), "tick", "middle"))
    end = axis.clipped(axis.low + difference)
    parts.append(line(axis.start, 10, end, 10, "axis"))
    parts += [line(x, 6, x, 14, "axis") for x in (axis.start, end)]
    words = f"critical difference {difference:.2f}"
    inside = end + 150 > axis.end  # no room beyond the bar: on a line of its own, below it
    parts.append(
        text(axis.start, 26, words, "hint") if inside else text(end + 8, 14, words, "hint")
    )
    return parts
