"""Quality at equal distortion: a loss's curve, read at a budget of PSNR below its warm start.

A curve is the straight line in parameter space from a seed's warm start (coefficient 0) to its
trained generator (1), scored at a few coefficients. PSNR and quality are smooth in the coefficient,
quality is not in PSNR (PSNR leaves the warm start with slope 0), so both are interpolated in the
coefficient, by cubics that are monotone wherever the points are and exact for parabolas (Hyman,
SIAM Journal on Scientific and Statistical Computing 4(4), 1983), and the curve is read where PSNR
*first* falls to the budget. What lies beyond the last point is not reached: NaN, never a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import trapezoid
from scipy.interpolate import CubicHermiteSpline

Array = npt.NDArray[np.float64]

_HALVINGS = 50  # of an interval of at most 1: to the last bit of a coefficient
_AREA_NODES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """Scores along the line from warm start to generator; leading dimensions are batched.

    Attributes:
        coefficients: ``(K,)``, K >= 2, increasing, the first 0 (the warm start itself).
        psnr: ``(..., K)`` in dB: means over a data set.
        quality: ``(..., K)`` by a perceptual metric.
    """

    coefficients: Array
    psnr: Array
    quality: Array

    def __post_init__(self) -> None:
        count = len(self.coefficients)
        if count < 2 or self.coefficients[0] != 0.0 or np.any(np.diff(self.coefficients) <= 0):
            raise ValueError(
                f"expected increasing coefficients from 0 (the warm start), got {self.coefficients}"
            )
        if self.psnr.shape != self.quality.shape or self.psnr.shape[-1] != count:
            raise ValueError(
                f"expected scores of shape (..., {count}), got {self.psnr.shape} and "
                f"{self.quality.shape}"
            )
        if not (np.isfinite(self.psnr).all() and np.isfinite(self.quality).all()):
            raise ValueError("expected a finite score at every point of a curve")

    @property
    def depth(self) -> Array:
        """Largest fall of PSNR below the warm start along each curve, dB, ``(...)``, >= 0."""
        return np.asarray(self.psnr[..., 0] - self.psnr.min(axis=-1))


def coefficient_at(curves: Curves, budget: float) -> Array:
    """Where PSNR first falls to ``budget`` dB below its warm start.

    Args:
        curves: of leading shape ``(...)``.
        budget: negative, in dB.

    Returns:
        ``(...)`` in (0, 1]; NaN where the curve does not reach it.
    """
    if not budget < 0.0:
        raise ValueError(f"expected a negative budget in dB, got {budget}")
    target = curves.psnr[..., :1] + budget
    reached = curves.psnr <= target
    end = np.argmax(reached, axis=-1)  # the first point at or below the budget
    low = curves.coefficients[np.maximum(end - 1, 0)]
    high = curves.coefficients[end]
    pieces = _pieces(curves, curves.psnr, end)
    start = low.copy()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        above = _cubic(pieces, middle - start) > target[..., 0]
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(reached.any(axis=-1), high, np.nan)


def quality_at(curves: Curves, budget: float) -> Array:
    """Quality where PSNR first falls to ``budget`` dB below its warm start; NaN: not reached."""
    coefficient = coefficient_at(curves, budget)
    inside = np.nan_to_num(coefficient, nan=0.0)
    end = np.clip(np.searchsorted(curves.coefficients, inside), 1, None)
    pieces = _pieces(curves, curves.quality, end)
    value = _cubic(pieces, inside - curves.coefficients[end - 1])
    return np.where(np.isnan(coefficient), np.nan, value)


def _pieces(curves: Curves, values: Array, end: npt.NDArray[np.intp]) -> Array:
    """Coefficients of the cubic that ends at point ``end`` of each curve, ``(4, ...)``."""
    x = curves.coefficients
    cubics = CubicHermiteSpline(x, values, _slopes(x, values), axis=-1).c  # (4, K - 1, ...)
    piece = np.maximum(end - 1, 0)
    return np.take_along_axis(cubics, piece[None, None], axis=1)[:, 0]


def _slopes(x: Array, values: Array) -> Array:
    """Slopes of parabolas through three points, held to what keeps each cubic monotone."""
    step = np.diff(x)
    secant = np.diff(values) / step
    if len(x) == 2:
        return np.concatenate((secant, secant), axis=-1)
    before, after = secant[..., :-1], secant[..., 1:]
    inner = (step[1:] * before + step[:-1] * after) / (step[:-1] + step[1:])
    first = 2.0 * secant[..., :1] - inner[..., :1]
    last = 2.0 * secant[..., -1:] - inner[..., -1:]
    slope = np.concatenate((first, inner, last), axis=-1)
    left = np.concatenate((secant[..., :1], secant), axis=-1)
    right = np.concatenate((secant, secant[..., -1:]), axis=-1)
    limit = 3.0 * np.minimum(np.abs(left), np.abs(right))
    kept = np.sign(slope) * np.minimum(np.abs(slope), limit)
    return np.where((left * right > 0.0) & (slope * left > 0.0), kept, 0.0)


def _cubic(pieces: Array, x: Array) -> Array:
    return np.asarray(((pieces[0] * x + pieces[1]) * x + pieces[2]) * x + pieces[3])


def dominated_area(curves: Curves, depth: float, *, lower_is_better: bool) -> Array:
    """Area of the perception-distortion plane that each curve dominates, down to ``depth``.

    The reference point is the warm start's quality at ``depth`` dB below its PSNR. At each PSNR
    the best quality counts that the curve has there or above. Divided by ``depth`` it is the mean
    gain in quality over the range, which is what is returned (Zitzler and Thiele, IEEE Transactions
    on Evolutionary Computation 3(4), 1999).

    Args:
        curves: ``(...)``, each of which reaches ``depth``.
        depth: positive, in dB: the range that all compared curves share.
        lower_is_better: direction of the quality.

    Returns:
        ``(...)``, >= 0, in the metric's units; higher is better.
    """
    if not depth > 0.0:
        raise ValueError(f"expected a positive depth in dB, got {depth}")
    sign = 1.0 if lower_is_better else -1.0
    # Nodes denser near the warm start, where quality changes fastest; area by trapezoids.
    depths = depth * np.linspace(0.0, 1.0, _AREA_NODES + 1) ** 2
    values = [curves.quality[..., 0], *(quality_at(curves, -float(d)) for d in depths[1:])]
    gains = sign * (values[0][..., None] - np.stack(values, axis=-1))
    best = np.maximum.accumulate(gains, axis=-1)
    return np.asarray(trapezoid(best, x=depths, axis=-1) / depth)
