"""Outlines of marks in units of their radius, y downwards: about equally heavy in every shape."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Outline = tuple[tuple[float, float], ...]

OUTLINES: Final[Mapping[str, Outline]] = MappingProxyType(
    {
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "triangle": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
        "diamond": ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),
        "wedge": ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
        "plus": (
            (-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4), (1.1, 0.4), (0.4, 0.4),
            (0.4, 1.1), (-0.4, 1.1), (-0.4, 0.4), (-1.1, 0.4), (-1.1, -0.4), (-0.4, -0.4),
        ),
        "cross": (
            (-1.1, -0.5), (-0.5, -1.1), (0, -0.6), (0.5, -1.1), (1.1, -0.5), (0.6, 0),
            (1.1, 0.5), (0.5, 1.1), (0, 0.6), (-0.5, 1.1), (-1.1, 0.5), (-0.6, 0),
        ),
    }
)  # fmt: skip
