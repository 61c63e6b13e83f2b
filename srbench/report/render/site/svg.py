"""A drawing as inline SVG, coloured by the site's style sheet. Strings of records are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape

from srbench.errors import plain
from srbench.report.figures.drawing import Box, Drawing, Label, Line, Mark, Part, Spot
from srbench.report.figures.outlines import OUTLINES
from srbench.report.figures.plane import Look

Child = str | Markup


def element(
    name: str, attributes: Mapping[str, object] | None = None, children: Iterable[Child] = ()
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


def svg(drawing: Drawing, links: Mapping[str, str] | None = None) -> Markup:
    """The whole picture; one without links is an image.

    Args:
        links: row -> address of its page.
    """
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {drawing.width} {drawing.height}",
        "width": drawing.width,
        "height": drawing.height,
        "class": f"chart {drawing.kind}",
        "role": "group" if links else "img",
        "aria-label": drawing.told,
    }
    return element("svg", attributes, [_part(part, links or {}) for part in drawing.parts])


def swatch(shape: str, kind: str) -> Markup:
    """A mark alone, for a legend."""
    attributes = {
        "viewBox": "0 0 16 16", "width": 16, "height": 16, "class": "swatch", "aria-hidden": "true",
    }  # fmt: skip
    mark = Mark(at=(8, 8), shape=shape, kind=f"point {kind}", radius=5)
    return element("svg", attributes, [_mark(mark)])


def look_swatch(look: Look) -> Markup:
    """The mark of the rows of one task."""
    return swatch(look.shape, look.kind)


def _part(part: Part, links: Mapping[str, str]) -> Markup:
    if isinstance(part, Line):
        if len(part.points) == 2:
            (x1, y1), (x2, y2) = part.points
            return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": part.kind})
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in part.points)
        return element("polyline", {"points": path, "class": part.kind})
    if isinstance(part, Mark):
        return _mark(part)
    if isinstance(part, Label):
        place = {"x": part.at[0], "y": part.at[1], "class": part.kind, "text-anchor": part.anchor}
        return element("text", place, [part.text])
    if isinstance(part, Box):
        place = {"x": part.at[0], "y": part.at[1], "width": part.width, "height": part.height}
        return element("rect", {**place, "class": part.kind})
    return _spot(part, links)


def _mark(mark: Mark) -> Markup:
    (x, y), r = mark.at, mark.radius
    if mark.shape == "circle":
        return element("circle", {"cx": x, "cy": y, "r": r, "class": mark.kind})
    points = " ".join(f"{x + r * dx:.1f},{y + r * dy:.1f}" for dx, dy in OUTLINES[mark.shape])
    return element("polygon", {"points": points, "class": mark.kind})


def _spot(spot: Spot, links: Mapping[str, str]) -> Markup:
    told = [element("title", {}, [spot.told])] if spot.told else []
    parts = [*told, *(_part(part, links) for part in spot.parts)]
    if spot.row not in links:
        return element("g", {"class": spot.kind}, parts)
    marked = {"data-row": spot.row} if spot.told else {}
    return element("a", {"href": links[spot.row], "class": spot.kind, **marked}, parts)
