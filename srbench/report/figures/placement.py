"""Names beside points without overlap: greedy, deterministic."""

from __future__ import annotations

import math
from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""Left, top, right, bottom; pixels."""

_ANGLES = (0, 180, 270, 90, 315, 45, 225, 135)
_RADII = (10.0, 18.0, 30.0, 46.0, 66.0)


def place_names(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    avoid: Sequence[tuple[float, float]],
) -> list[tuple[Box, bool]]:
    """A box for each point's name, and whether a line should lead to it.

    Args:
        sizes: width and height of the names.
        frame: where they must stay.
        avoid: points that no name should cover.
    """
    taken: list[Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in avoid]
    placed = []
    for point, size in zip(points, sizes, strict=True):
        candidates = [(r, _box(point, size, r, angle)) for r in _RADII for angle in _ANGLES]
        radius, box = min(candidates, key=lambda item: _cost(item[1], taken, frame, item[0]))
        taken.append(box)
        placed.append((box, radius > _RADII[1]))
    return placed


def _box(point: tuple[float, float], size: tuple[float, float], radius: float, angle: float) -> Box:
    (x, y), (width, height) = point, size
    cx = x + math.cos(math.radians(angle)) * (radius + width / 2)
    cy = y + math.sin(math.radians(angle)) * (radius + height / 2)
    return (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)


def _cost(box: Box, taken: Sequence[Box], frame: Box, radius: float) -> float:
    overlap = sum(_shared(box, other) for other in taken)
    outside = _area(box) - _shared(box, frame)
    return 10.0 * overlap + 20.0 * outside + radius


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0
