"""Validation and training curves of one row before the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from srbench.records import CurvePoint
from srbench.report.model import Leaderboard, Row
from srbench.report.render.site.charts.svg import (
    PALETTE_SIZE,
    SHAPES,
    Axis,
    element,
    line,
    marker,
    picture,
    polyline,
    spanning,
    text,
    tick_text,
)

Line = tuple[tuple[float, float], ...]
WIDTH, HEIGHT = 440, 250


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveSet:
    """Lines of one quantity: label -> seed -> (iteration, value), at the chosen content scale."""

    name: str
    lines: dict[str, dict[int, Line]]


def curve_sets(board: Leaderboard, *, log: bool) -> list[CurveSet]:
    """Every validated metric, or with ``log`` every training value, of the trained rows."""
    chosen = {row.label: row.scale for row in board.rows if row.trained}
    sets: dict[str, dict[str, dict[int, Line]]] = {}
    for curve in board.curves:
        if chosen.get(curve.label) != curve.scale:
            continue
        points = curve.log if log else curve.validation
        for name in dict.fromkeys(name for point in points for name in point.scores):
            found = _line(points, name)
            if len(found) > 1:
                sets.setdefault(name, {}).setdefault(curve.label, {})[curve.seed] = found
    return [CurveSet(name=name, lines=lines) for name, lines in sets.items()]


def _line(points: Sequence[CurvePoint], name: str) -> Line:
    return tuple(sorted((float(p.iteration), p.scores[name]) for p in points if name in p.scores))


class CurveCharts:
    """The charts of one quantity.

    Args:
        shared: one scale for all rows, with the others' means behind a row's own lines; without,
            each row has its own scale, as raw losses differ by orders of magnitude.
    """

    def __init__(self, board: Leaderboard, curves: CurveSet, *, shared: bool) -> None:
        self.curves = curves
        self._title = board.title(curves.name)
        self._axes: tuple[Axis, Axis] | None = None
        self._others: dict[str, Markup] = {}
        if shared:
            x, y = self._axes = _axes(
                [found for s in curves.lines.values() for found in s.values()]
            )
            self._others = {
                label: polyline(_pixels(_mean(list(seeds.values())), x, y), "other")
                for label, seeds in curves.lines.items()
            }

    def of(self, row: Row) -> Markup | None:
        """The row's seeds in colour, before the other rows' means in grey if they share a scale."""
        seeds = self.curves.lines.get(row.label)
        if seeds is None:
            return None
        x, y = self._axes or _axes(list(seeds.values()))
        parts = _grid(x, y)
        parts += [found for label, found in self._others.items() if label != row.label]
        told = []
        for index, (seed, found) in enumerate(sorted(seeds.items())):
            kind = f"t{index % PALETTE_SIZE}"
            pixels = _pixels(found, x, y)
            parts.append(polyline(pixels, f"curve {kind}"))
            parts.append(marker(SHAPES[index % PALETTE_SIZE], *pixels[-1], 4, f"point {kind}"))
            told.append(f"seed {seed} from {found[0][1]:.4g} to {found[-1][1]:.4g}")
        title = self._title
        label = f"{title} against iterations: {'; '.join(told)}."
        return picture(WIDTH, HEIGHT, label, "curves", parts, role="img")


def _axes(lines: Sequence[Line]) -> tuple[Axis, Axis]:
    x = spanning([x for found in lines for x, _ in found], 54.0, WIDTH - 12.0, margin=0.0)
    y = spanning([y for found in lines for _, y in found], HEIGHT - 34.0, 16.0, margin=0.05)
    return x, y


def seed_swatches(row: Row) -> list[tuple[int, Markup]]:
    """(seed, mark) for a legend beside the curves."""
    found = []
    for index, seed in enumerate(sorted(row.seeds)):
        mark = marker(SHAPES[index % PALETTE_SIZE], 8, 8, 5, f"point t{index % PALETTE_SIZE}")
        attributes: dict[str, object] = {
            "viewBox": "0 0 16 16", "width": 16, "height": 16, "class": "swatch",
            "aria-hidden": "true",
        }  # fmt: skip
        found.append((seed, element("svg", attributes, [mark])))
    return found


def _grid(x: Axis, y: Axis) -> list[Markup]:
    parts = []
    ticks = y.ticks(5)
    for value in ticks:
        parts.append(line(x.start, y.at(value), x.end, y.at(value), "grid"))
        parts.append(text(x.start - 8, y.at(value) + 4, tick_text(value, ticks), "tick", "end"))
    ticks = x.ticks(5)
    for value in ticks:
        anchor = "end" if value == ticks[-1] and x.at(value) > x.end - 12 else "middle"
        parts.append(text(x.at(value), HEIGHT - 14, f"{value:g}", "tick", anchor))
    return parts


def _mean(lines: Sequence[Line]) -> Line:
    shared = sorted(set.intersection(*({x for x, _ in found} for found in lines)))
    values = [dict(found) for found in lines]
    return tuple((x, sum(v[x] for v in values) / len(values)) for x in shared)


def _pixels(found: Line, x: Axis, y: Axis) -> list[tuple[float, float]]:
    return [(x.at(a), y.at(b)) for a, b in found]
