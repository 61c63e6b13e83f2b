"""The critical-difference diagram (Demsar, JMLR 2006), over images."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from srbench.report.conventions import metric_title
from srbench.report.second_view import SecondView, rank_bars
from srbench.report.site.charts.svg import Axis, element, line, picture, shorten, text

STEP = 22.0


def critical_difference(view: SecondView, links: Mapping[str, str], *, width: int) -> Markup:
    """Mean ranks on a line, one name a line below; a bar joins what Nemenyi's test cannot tell
    apart."""
    narrow = width < 500
    count = len(view.labels)
    bars = rank_bars(view.mean_ranks, view.critical_difference)
    room = 128.0 if narrow else 200.0
    axis = Axis(low=1.0, high=float(count), start=room if not narrow else 16.0, end=width - (room if not narrow else 16.0))
    base = 52.0
    parts = _scale(axis, base, view.critical_difference)
    for level, (first, last) in enumerate(bars):
        y = base + 12 + 9 * level
        ends = axis.at(view.mean_ranks[first]) - 3, axis.at(view.mean_ranks[last]) + 3
        parts.append(line(ends[0], y, ends[1], y, "tie"))
    below = base + 24 + 9 * len(bars)
    half = (count + 1) // 2
    depth = count if narrow else half
    for index, (label, rank) in enumerate(zip(view.labels, view.mean_ranks, strict=True)):
        left = index < half
        step = index if left or narrow else count - 1 - index
        y = below + STEP * (step + 0.5)
        parts += _entry(axis, base, y, label, rank, links[label], left=left, narrow=narrow, width=width)
    height = round(below + STEP * depth + 10)
    told = ", ".join(f"{n} {r:.2f}" for n, r in zip(view.labels, view.mean_ranks, strict=True))
    label = (
        f"Critical-difference diagram, {metric_title(view.metric)} on {view.dataset}, mean ranks "
        f"over {view.images} images: {told}. Critical difference {view.critical_difference:.2f}."
    )
    return picture(width, height, label, "ranks", parts)


def _scale(axis: Axis, y: float, difference: float) -> list[Markup]:
    parts = [line(axis.start, y, axis.end, y, "axis")]
    step = max(1, round((axis.high - axis.low) / 12))
    for tick in range(int(axis.low), int(axis.high) + 1, step):
        parts.append(line(axis.at(tick), y - 6, axis.at(tick), y, "axis"))
        parts.append(text(axis.at(tick), y - 11, str(tick), "tick", "middle"))
    end = axis.at(min(axis.low + difference, axis.high))
    parts.append(line(axis.start, 10, end, 10, "axis"))
    parts += [line(x, 6, x, 14, "axis") for x in (axis.start, end)]
    parts.append(text(end + 8, 14, f"critical difference {difference:.2f}", "hint"))
    return parts


def _entry(
    axis: Axis,
    base: float,
    y: float,
    label: str,
    rank: float,
    link: str,
    *,
    left: bool,
    narrow: bool,
    width: int,
) -> list[Markup]:
    x = axis.at(rank)
    if narrow:
        # No room at the sides: names stand under the scale, on the side where the line is not.
        flip = x > width / 2
        edge, anchor = (x - 6, "end") if flip else (x + 6, "start")
        stem = [line(x, base, x, y, "stem")]
    else:
        edge, anchor = (axis.start - 10, "end") if left else (axis.end + 10, "start")
        stem = [line(x, base, x, y, "stem"), line(x, y, edge, y, "stem")]
        edge += -4 if left else 4
    name = shorten(label, 26)
    shown = f"{name}  {rank:.2f}" if anchor == "end" else f"{rank:.2f}  {name}"
    words = text(edge, y + 4, shown, "name", anchor)
    return [*stem, element("a", {"href": link, "class": "row-link"}, [words])]
