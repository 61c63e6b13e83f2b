"""Curves of the headline in the plane: from the warm start to each generator, over seeds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from srbench.report.budget import Curves
from srbench.report.equal_distortion import DISTORTION
from srbench.report.figures.drawing import Axis, Line, Part, Point
from srbench.report.model import Leaderboard


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """One label's curve from the warm start, data coordinates: means and the ends over seeds."""

    middle: tuple[Point, ...]
    low: tuple[Point, ...]
    high: tuple[Point, ...]

    def within(self, x: Axis, y: Axis) -> Walk:
        """As far as its mean stays within both axes: the rest is off the frame."""
        for index, (before, after) in enumerate(itertools.pairwise(self.middle), start=1):
            share = min(_share(before[0], after[0], x), _share(before[1], after[1], y))
            if share < 1:
                middle, low, high = (
                    (*points[:index], _between(points[index - 1], points[index], share))
                    for points in (self.middle, self.low, self.high)
                )
                return Walk(middle=middle, low=low, high=high)
        return self


def walks(board: Leaderboard, dataset: str, distortion: str, perception: str) -> dict[str, Walk]:
    """The curves that were read for the headline of this data set, where it is by these metrics."""
    for headline in board.headlines:
        if (headline.dataset, DISTORTION, headline.metric) == (dataset, distortion, perception):
            return {label: _walk(curves) for label, curves in headline.curves.items()}
    return {}


def walk_lines(found: Mapping[str, Walk], kinds: Mapping[str, str], x: Axis, y: Axis) -> list[Part]:
    """A band over the seeds and the mean curve, per label; ``kinds``: label -> its colour."""

    def drawn(points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple((x.clipped(a), y.clipped(b)) for a, b in points)

    parts: list[Part] = []
    for label, walk in found.items():
        band = drawn((*walk.low, *reversed(walk.high)))
        parts.append(Line(points=band, kind=f"band {kinds[label]}"))
    for label, walk in found.items():
        parts.append(Line(points=drawn(walk.middle), kind=f"curve {kinds[label]}"))
    return parts


def _walk(curves: Curves) -> Walk:
    psnr = curves.psnr.mean(axis=0).tolist()
    middle, low, high = (
        tuple(zip(psnr, values.tolist(), strict=True))
        for values in (
            curves.quality.mean(axis=0), curves.quality.min(axis=0), curves.quality.max(axis=0),
        )
    )  # fmt: skip
    return Walk(middle=middle, low=low, high=high)


def _share(before: float, after: float, axis: Axis) -> float:
    """How much of a step from a value on an axis stays on it; 1 where all of it does."""
    end = min(max(after, axis.low), axis.high)
    return 1.0 if after in (end, before) else (end - before) / (after - before)


def _between(before: Point, after: Point, share: float) -> Point:
    return (
        before[0] + share * (after[0] - before[0]),
        before[1] + share * (after[1] - before[1]),
    )
