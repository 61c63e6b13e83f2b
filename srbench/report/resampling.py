"""Probability of being best and of improvement, by resampling seeds and images together.

The form of Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice,
NeurIPS 2021 (rliable): runs are resampled, scores are compared run by run. Here the runs are the
seeds: losses of one seed share its warm start, so seeds are drawn for all losses at once and a loss
is compared with another within a seed. The images are drawn with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from srbench.report.budget import Array, Curves, quality_at
from srbench.report.conventions import ALPHA, BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageCurves:
    """Per-image scores along the curves of losses and seeds that are compared.

    Attributes:
        coefficients: ``(K,)``, the first 0.
        psnr, quality: ``(L, S, K, N)`` for N images.
    """

    coefficients: Array
    psnr: Array
    quality: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Resampled:
    """What resampling says at one budget.

    Attributes:
        best: ``(L,)`` share of resamples in which a loss has the best mean; ties share.
        improvement: ``(L, L)``: share of seeds in which the first is better than the second, ties
            a half.
        low, high: ``(L, L)`` its 95 % percentile interval.
        used: resamples in which every curve reaches the budget; the others are left out.
        drawn: resamples in all.
    """

    best: Array
    improvement: Array
    low: Array
    high: Array
    used: int
    drawn: int


def resample_at(
    curves: ImageCurves,
    budget: float,
    *,
    lower_is_better: bool,
    resamples: int = BOOTSTRAP_RESAMPLES,
) -> Resampled:
    """Read the curves at ``budget`` dB in resamples of seeds and images.

    Raises:
        ValueError: fewer than two losses, or a curve of all images does not reach the budget.
    """
    losses, seeds, _, images = curves.psnr.shape
    sign = 1.0 if lower_is_better else -1.0
    whole = sign * _read(curves, np.full((1, images), 1.0 / images), budget)[0]
    if losses < 2 or not np.isfinite(whole).all():
        raise ValueError("expected two or more losses whose curves all reach the budget")
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    weights = rng.multinomial(images, np.full(images, 1.0 / images), size=resamples) / images
    chosen = rng.integers(0, seeds, size=(resamples, 1, seeds))
    values = np.take_along_axis(sign * _read(curves, weights, budget), chosen, axis=-1)
    values = values[np.isfinite(values).all(axis=(-2, -1))]
    if not len(values):
        raise ValueError("expected a resample in which every curve reaches the budget, got none")
    means = values.mean(axis=-1)
    winners = means == means.min(axis=-1, keepdims=True)
    draws = _improvement(values)
    low, high = np.quantile(draws, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    return Resampled(
        best=(winners / winners.sum(axis=-1, keepdims=True)).mean(axis=0),
        improvement=_improvement(whole[None])[0],
        low=low,
        high=high,
        used=len(values),
        drawn=resamples,
    )


def _read(curves: ImageCurves, weights: Array, budget: float) -> Array:
    """Quality at the budget of weighted image means: ``(R, N)`` weights give ``(R, L, S)``."""
    psnr, quality = (
        np.moveaxis(scores @ weights.T, -1, 0) for scores in (curves.psnr, curves.quality)
    )
    return quality_at(Curves(coefficients=curves.coefficients, psnr=psnr, quality=quality), budget)


def _improvement(values: Array) -> Array:
    """Share of seeds in which the first loss is lower: ``(R, L, S)`` to ``(R, L, L)``."""
    first, second = values[:, :, None], values[:, None]
    return np.asarray(((first < second) + 0.5 * (first == second)).mean(axis=-1))
