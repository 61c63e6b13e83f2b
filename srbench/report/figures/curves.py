"""Validation and training curves: of one row before the others, or of all rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from srbench.records import CurvePoint
from srbench.report.figures.drawing import (
    PALETTE_SIZE,
    SHAPES,
    Axis,
    Drawing,
    Line,
    Mark,
    Part,
    Point,
    grid,
    panels,
    spanning,
)
from srbench.report.model import Leaderboard, Row

Curve = tuple[Point, ...]
"""(iteration, value), iterations ascending."""

WIDTH, HEIGHT = 440, 250
MAX_PANELS = 24
HOUSEKEEPING = frozenset({"data_wait_fraction", "iterations_per_second", "learning_rate"})
"""Logged for the running of a job; they say nothing about a loss."""
LOG_RATIO = 50.0
"""Values that span more than this, all positive, are drawn by their decimal logarithm."""
VERDICT_WORDS = {
    "settled": "settled",
    "not-converged": "still moving at the end",
    "unknown": "too few points to tell",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveSet:
    """Curves of one quantity: label -> seed -> curve, at the content scale that was chosen."""

    name: str
    curves: Mapping[str, Mapping[int, Curve]]


def curve_sets(board: Leaderboard, *, log: bool) -> list[CurveSet]:
    """Every validated metric, or with ``log`` every training value, of the trained rows."""
    chosen = {row.label: row.scale for row in board.rows if row.trained}
    sets: dict[str, dict[str, dict[int, Curve]]] = {}
    for curve in board.curves:
        if chosen.get(curve.label) != curve.scale:
            continue
        points = curve.log if log else curve.validation
        for name in dict.fromkeys(name for point in points for name in point.scores):
            found = _curve(points, name)
            if len(found) > 1:
                sets.setdefault(name, {}).setdefault(curve.label, {})[curve.seed] = found
    return [CurveSet(name=name, curves=curves) for name, curves in sets.items()]


def _curve(points: Sequence[CurvePoint], name: str) -> Curve:
    return tuple(sorted((float(p.iteration), p.scores[name]) for p in points if name in p.scores))


class RowCharts:
    """The charts of one quantity, a row at a time.

    Args:
        shared: one scale for all rows, with the others' means behind a row's own lines; without,
            each row has its own scale, as raw losses differ by orders of magnitude.
    """

    def __init__(self, board: Leaderboard, found: CurveSet, *, shared: bool) -> None:
        self.found = found
        self._title = board.title(found.name)
        self._axes: tuple[Axis, Axis] | None = None
        self._others: dict[str, Line] = {}
        if shared:
            x, y = self._axes = _axes(c for seeds in found.curves.values() for c in seeds.values())
            self._others = {
                label: Line(points=_pixels(_mean(list(seeds.values())), x, y), kind="other")
                for label, seeds in found.curves.items()
            }

    def of(self, row: Row) -> Drawing | None:
        """The row's seeds in colour, before the other rows' means in grey if they share a scale."""
        seeds = self.found.curves.get(row.label)
        if seeds is None:
            return None
        x, y = self._axes or _axes(seeds.values())
        parts: list[Part] = grid(x, y, few=True, columns=False)
        parts += [found for label, found in self._others.items() if label != row.label]
        told = []
        for index, (seed, found) in enumerate(sorted(seeds.items())):
            kind = f"t{index % PALETTE_SIZE}"
            pixels = _pixels(found, x, y)
            shape = SHAPES[index % PALETTE_SIZE]
            parts.append(Line(points=pixels, kind=f"curve {kind}"))
            parts.append(Mark(at=pixels[-1], shape=shape, kind=f"point {kind}", radius=4))
            told.append(f"seed {seed} from {found[0][1]:.4g} to {found[-1][1]:.4g}")
        return Drawing(
            width=WIDTH,
            height=HEIGHT,
            kind="curves",
            told=f"{self._title} against iterations: {'; '.join(told)}.",
            parts=tuple(parts),
        )


def validation(board: Leaderboard, found: CurveSet) -> Drawing:
    """The charts of all rows by one validated metric, side by side."""
    charts = RowCharts(board, found, shared=True)
    drawn = [(row, chart) for row in board.rows if (chart := charts.of(row)) is not None]
    verdict = found.name == board.rank_metric
    titled = [
        (f"{row.label} · {VERDICT_WORDS[row.convergence]}" if verdict else row.label, chart)
        for row, chart in drawn[:MAX_PANELS]
    ]
    hidden = len(drawn) - len(titled)
    return panels(
        titled,
        columns=4,
        kind="curves",
        title=f"Validation {board.title(found.name)}",
        note="Against iterations of the adversarial stage, on the held-out training images, at the "
        "content scale that was chosen. In colour the row's seeds; grey the other rows, means over "
        f"seeds.{f' {hidden} more rows have no panel.' if hidden else ''}",
    )


def training(board: Leaderboard) -> Drawing | None:
    """Every value logged while training, all rows in one chart: means over seeds, smoothed."""
    sets = [found for found in curve_sets(board, log=True) if found.name not in HOUSEKEEPING]
    if not sets:
        return None
    names = [row.label for row in board.rows if row.trained]
    marks = ", ".join(f"{SHAPES[index]}: {name}" for index, name in enumerate(names[:PALETTE_SIZE]))
    return panels(
        [(_quantity(found), _overlaid(found, names)) for found in sets],
        columns=3,
        kind="curves",
        title="Values logged while training",
        note="Against iterations of the adversarial stage: mean over seeds, running mean over a "
        f"twentieth of the run. {marks}; grey: the others.",
    )


def _overlaid(found: CurveSet, names: Sequence[str]) -> Drawing:
    means = _smoothed(found)
    if _spans_decades(means.values()):
        means = {n: tuple((x, math.log10(y)) for x, y in curve) for n, curve in means.items()}
    x, y = _axes(mean for mean in means.values() if mean)
    parts: list[Part] = grid(x, y, few=True, columns=False)
    for place, label in reversed(list(enumerate(names))):  # the best row last, on top
        pixels = _pixels(means.get(label, ()), x, y)
        known = place < PALETTE_SIZE
        if pixels:
            kind = f"curve t{place}" if known else "other"
            parts.append(Line(points=pixels, kind=kind))
        if pixels and known:
            parts.append(Mark(at=pixels[-1], shape=SHAPES[place], kind=f"point t{place}", radius=4))
    return Drawing(width=WIDTH, height=HEIGHT, kind="curves", told=found.name, parts=tuple(parts))


def _smoothed(found: CurveSet) -> dict[str, Curve]:
    return {label: _smooth(_mean(list(seeds.values()))) for label, seeds in found.curves.items()}


def _quantity(found: CurveSet) -> str:
    decades = _spans_decades(_smoothed(found).values())
    return f"log10 of {found.name}" if decades else found.name


def _spans_decades(curves: Iterable[Curve]) -> bool:
    values = [y for curve in curves for _, y in curve]
    return min(values) > 0 and max(values) > LOG_RATIO * min(values)


def _axes(curves: Iterable[Curve]) -> tuple[Axis, Axis]:
    points = list(itertools.chain.from_iterable(curves))
    x = spanning([x for x, _ in points], 54.0, WIDTH - 12.0, margin=0.0)
    y = spanning([y for _, y in points], HEIGHT - 34.0, 16.0, margin=0.05)
    return x, y


def _mean(curves: Sequence[Curve]) -> Curve:
    """Mean over seeds at the iterations that all of them share."""
    shared = sorted(set.intersection(*({x for x, _ in found} for found in curves)))
    values = [dict(found) for found in curves]
    return tuple((x, math.fsum(v[x] for v in values) / len(values)) for x in shared)


def _smooth(curve: Curve) -> Curve:
    """Running mean; windows shrink at the ends, so that no value is invented there."""
    half = len(curve) // 40
    values = [value for _, value in curve]
    windows = [values[max(0, i - half) : i + half + 1] for i in range(len(curve))]
    return tuple((x, math.fsum(w) / len(w)) for (x, _), w in zip(curve, windows, strict=True))


def _pixels(found: Curve, x: Axis, y: Axis) -> tuple[Point, ...]:
    return tuple((x.at(a), y.at(b)) for a, b in found)
