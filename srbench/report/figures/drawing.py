"""What a picture is made of, in pixels from the upper left, and the axes that place it.

``kind`` names how a thing looks: classes of the site's style sheet, entries of the table of styles
in :mod:`srbench.report.render.matplotlib`. Texts may come from records: renderers escape them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from srbench.errors import plain

Point = tuple[float, float]

PALETTE_SIZE = 7
SHAPES = ("circle", "square", "triangle", "diamond", "wedge", "plus", "cross")
"""One per colour: the shape tells the same as the colour does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line through points."""

    points: tuple[Point, ...]
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A point's mark."""

    at: Point
    shape: str
    kind: str
    radius: float = 5.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A line of text at its baseline."""

    at: Point
    text: str
    kind: str
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A filled rectangle; ``at`` is its upper left corner."""

    at: Point
    width: float
    height: float
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Parts that belong to one row: a link to its page, with words for who points at it."""

    row: str
    parts: tuple[Part, ...]
    kind: str
    told: str = ""


Part = Line | Mark | Label | Box | Spot


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A whole picture.

    Attributes:
        told: what it shows, for those who cannot see it.
        title, note: above and below it, where it stands alone; a page has words of its own.
    """

    width: int
    height: int
    kind: str
    told: str
    parts: tuple[Part, ...]
    title: str = ""
    note: str = ""


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Line:
    """A straight line."""
    return Line(points=((x1, y1), (x2, y2)), kind=kind)


def text(
    x: float,
    y: float,
    content: str,
    kind: str,
    anchor: Literal["start", "middle", "end"] = "start",
) -> Label:
    """A line of text."""
    return Label(at=(x, y), text=content, kind=kind, anchor=anchor)


def moved(part: Part, x: float, y: float) -> Part:
    """The part, so far to the right and down."""
    if isinstance(part, Line):
        return replace(part, points=tuple((a + x, b + y) for a, b in part.points))
    if isinstance(part, Spot):
        return replace(part, parts=tuple(moved(inner, x, y) for inner in part.parts))
    return replace(part, at=(part.at[0] + x, part.at[1] + y))


def panels(
    titled: Sequence[tuple[str, Drawing]], *, columns: int, kind: str, title: str, note: str
) -> Drawing:
    """Drawings of one size side by side, each under its title."""
    first = titled[0][1]
    columns = min(columns, len(titled))
    step = first.height + 26
    parts: list[Part] = []
    for index, (name, drawing) in enumerate(titled):
        x, y = index % columns * first.width, index // columns * step
        parts.append(text(x + 8, y + 17, shorten(name, 40), "name"))
        parts += [moved(part, x, y + 26) for part in drawing.parts]
    return Drawing(
        width=columns * first.width,
        height=math.ceil(len(titled) / columns) * step,
        kind=kind,
        told=title,
        parts=tuple(parts),
        title=title,
        note=note,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """An axis from data to pixels; ``start`` and ``end`` are the pixels of low and high."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies on it."""
        return self.low <= value <= self.high

    def clipped(self, value: float) -> float:
        """The pixel of a value, or of the nearer end."""
        return self.at(min(max(value, self.low), self.high))

    def ticks(self, about: int) -> list[float]:
        """Round values within the axis, about so many."""
        return round_ticks(self.low, self.high, about)


def grid(x: Axis, y: Axis, *, few: bool, columns: bool = True) -> list[Part]:
    """Lines and numbers of two axes.

    Args:
        few: of a small picture.
        columns: upright lines too.
    """
    parts: list[Part] = []
    ticks = x.ticks(4 if few else 8)
    below = max(y.start, y.end)
    for value in ticks:
        if columns:
            parts.append(line(x.at(value), y.start, x.at(value), y.end, "grid"))
        at_edge = value == ticks[-1] and x.at(value) > x.end - 12 and not columns
        anchor: Literal["end", "middle"] = "end" if at_edge else "middle"
        parts.append(text(x.at(value), below + 17, tick_text(value, ticks), "tick", anchor))
    ticks = y.ticks(5 if few else 6)
    left, right = min(x.start, x.end), max(x.start, x.end)
    for value in ticks:
        parts.append(line(left, y.at(value), right, y.at(value), "grid"))
        parts.append(text(left - 8, y.at(value) + 4, tick_text(value, ticks), "tick", "end"))
    return parts


def spanning(
    values: Iterable[float], start: float, end: float, *, margin: float, flipped: bool = False
) -> Axis:
    """An axis over all values with some room at both ends; one value alone gets room too."""
    found = list(values)
    low, high = min(found), max(found)
    room = margin * (high - low) or (0.0 if high > low else abs(high) * 0.02 or 1.0)
    if flipped:
        start, end = end, start
    return Axis(low=low - room, high=high + room, start=start, end=end)


def round_ticks(low: float, high: float, about: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between ``low`` and ``high``."""
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    digits = 10 - math.floor(math.log10(step))
    return [round(i * step, digits) for i in range(first, last + 1)]


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """A tick's number with as many decimals as its step needs."""
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=abs(value) or 1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{digits}f}" if digits < 7 else f"{value:.3g}"


def text_width(content: str, size: float) -> float:
    """About how wide a text is in a sans-serif face, pixels."""
    wide = sum(0.9 if c in "mwMW@" else 0.33 if c in "ijlt.,:;|!'()[] " else 0.58 for c in content)
    return wide * size


def shorten(content: str, length: int) -> str:
    """A label that fits."""
    clean = plain(content)
    return clean if len(clean) <= length else clean[: length - 1] + "…"
