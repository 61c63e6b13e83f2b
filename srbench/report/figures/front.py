"""The Pareto front of the perception-distortion plane (Blau and Michaeli, CVPR 2018)."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def pareto_front(points: Sequence[Point], *, lower: tuple[bool, bool]) -> list[int]:
    """Indices of the points that no other point equals or beats in both axes, along the front.

    Args:
        points: (distortion, perception) scores.
        lower: per axis, whether lower is better.
    """
    signs = [1.0 if low else -1.0 for low in lower]
    signed = [(signs[0] * x, signs[1] * y) for x, y in points]
    front = []
    best = float("inf")
    for index in sorted(range(len(points)), key=lambda i: signed[i]):
        if signed[index][1] < best:
            front.append(index)
            best = signed[index][1]
    return front
