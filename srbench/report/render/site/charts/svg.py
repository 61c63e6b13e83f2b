"""SVG elements from hostile strings, and axes with round ticks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from srbench.report.text import plain

PALETTE_SIZE = 7
SHAPES = ("circle", "square", "triangle", "diamond", "wedge", "plus", "cross")
"""One per colour: the shape tells the same as the colour does."""

Child = str | Markup


def element(
    name: str, attributes: dict[str, object] | None = None, children: Iterable[Child] = ()
) -> Markup:
    """One element; attribute values and plain strings are escaped, ``Markup`` is not."""
    shown = "".join(
        f' {key}="{escape(plain(_value(value)))}"'
        for key, value in (attributes or {}).items()
        if value is not None
    )
    inner = "".join(
        str(child) if isinstance(child, Markup) else str(escape(plain(child))) for child in children
    )
    return Markup(f"<{name}{shown}>{inner}</{name}>" if inner else f"<{name}{shown}/>")


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def text(x: float, y: float, content: str, kind: str, anchor: str = "start") -> Markup:
    """A line of text at its baseline; ``kind`` is its class."""
    return element("text", {"x": x, "y": y, "class": kind, "text-anchor": anchor}, [content])


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def polyline(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    """A line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polyline", {"points": path, "class": kind})


def marker(shape: str, x: float, y: float, radius: float, kind: str) -> Markup:
    """A point's mark, about equally heavy in every shape."""
    r = radius
    if shape == "circle":
        return element("circle", {"cx": x, "cy": y, "r": r, "class": kind})
    outlines = {
        "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        "triangle": [(0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        "diamond": [(0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)],
        "wedge": [(0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
        "plus": [
            (-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4), (1.1, 0.4), (0.4, 0.4),
            (0.4, 1.1), (-0.4, 1.1), (-0.4, 0.4), (-1.1, 0.4), (-1.1, -0.4), (-0.4, -0.4),
        ],
        "cross": [
            (-1.1, -0.5), (-0.5, -1.1), (0, -0.6), (0.5, -1.1), (1.1, -0.5), (0.6, 0),
            (1.1, 0.5), (0.5, 1.1), (0, 0.6), (-0.5, 1.1), (-1.1, 0.5), (-0.6, 0),
        ],
    }  # fmt: skip
    points = " ".join(f"{x + r * dx:.1f},{y + r * dy:.1f}" for dx, dy in outlines[shape])
    return element("polygon", {"points": points, "class": kind})


def picture(
    width: int,
    height: int,
    label: str,
    kind: str,
    children: Iterable[Child],
    *,
    role: str = "group",
) -> Markup:
    """A whole SVG with a name for those who cannot see it; ``img`` if nothing in it is a link."""
    return element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": width,
            "height": height,
            "class": f"chart {kind}",
            "role": role,
            "aria-label": label,
        },
        children,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A linear axis from data to pixels; ``start`` and ``end`` are the pixels of low and high."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int) -> list[float]:
        """Round values within the axis, about so many."""
        return round_ticks(self.low, self.high, about)


def spanning(
    values: Sequence[float], start: float, end: float, *, margin: float, flipped: bool = False
) -> Axis:
    """An axis over all values with some room at both ends; one value alone gets room too."""
    low, high = min(values), max(values)
    room = margin * (high - low) or abs(high) * 0.02 or 1.0
    low, high = low - room, high + room
    if flipped:
        start, end = end, start
    return Axis(low=low, high=high, start=start, end=end)


def round_ticks(low: float, high: float, about: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between ``low`` and ``high``."""
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """A tick's number with as many decimals as its step needs."""
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=abs(value) or 1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{digits}f}"


def text_width(content: str, size: float) -> float:
    """About how wide a text is in a sans-serif face, pixels."""
    wide = sum(0.9 if c in "mwMW@" else 0.33 if c in "ijlt.,:;|!'()[] " else 0.58 for c in content)
    return wide * size


def shorten(content: str, length: int) -> str:
    """A label that fits."""
    clean = plain(content)
    return clean if len(clean) <= length else clean[: length - 1] + "…"
