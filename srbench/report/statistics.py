"""The statistics of the table. The replicate is the seed, never the image.

Data-set means form a matrix ``y`` of shape ``(..., losses, seeds)``. All losses of one seed start
from the same warm start, so the seed is a block: the model is ``y = mean + loss + seed + residual``
and the loss x seed residual is the yardstick of every difference (Tukey, 1949; Montgomery, Design
and Analysis of Experiments, randomised complete block design). Leading dimensions are batched, so
that thousands of simulated leaderboards go through the functions that the real table uses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from srbench.report.conventions import ALPHA, BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED, POWER

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class TukeyResult:
    """Tukey's honestly significant difference over one family.

    Attributes:
        losses: rows compared, L >= 2.
        seeds: blocks, S >= 2.
        degrees: of freedom of the residual, (L - 1)(S - 1).
        residual_variance: mean square of the loss x seed residual, in squared metric units.
        threshold: two means differ at the 5 % family-wise level if they are further apart.
        detectable: true difference of one given pair that such a family finds with 80 % power,
            from the measured spread, without bias: right on average over tables, not in each.
    """

    losses: int
    seeds: int
    degrees: int
    residual_variance: float
    threshold: float
    detectable: float


@lru_cache(maxsize=4096)
def critical_range(losses: int, degrees: float, alpha: float = ALPHA) -> float:
    """Upper ``alpha`` point of the studentized range of ``losses`` means."""
    return float(stats.studentized_range.ppf(1.0 - alpha, losses, degrees))


def residual_variance(y: Array) -> Array:
    """Mean square of the residual of the additive model, shape ``(...)``.

    Args:
        y: data-set means, ``(..., L, S)``, L >= 2 and S >= 2.
    """
    losses, seeds = y.shape[-2:]
    if losses < 2 or seeds < 2:
        raise ValueError(f"expected at least 2 losses and 2 seeds, got {losses} and {seeds}")
    residual = (
        y
        - y.mean(axis=-1, keepdims=True)
        - y.mean(axis=-2, keepdims=True)
        + y.mean(axis=(-2, -1), keepdims=True)
    )
    square: Array = np.square(residual).sum(axis=(-2, -1)) / ((losses - 1) * (seeds - 1))
    return square


def tukey_threshold(variance: Array | float, losses: int, seeds: int) -> Any:
    """Tukey's honestly significant difference for means of ``seeds`` replicates."""
    critical = critical_range(losses, (losses - 1) * (seeds - 1))
    return critical * np.sqrt(np.asarray(variance) / seeds)


def pair_power(noncentrality: float, losses: int, degrees: int) -> float:
    """Probability that Tukey's test calls one given pair different.

    Args:
        noncentrality: true difference over ``sqrt(2 variance / S)``.
    """
    critical = critical_range(losses, degrees) / math.sqrt(2.0)
    # Averaged over the distribution of the estimated spread. scipy's noncentral t is the same
    # number where it converges, which it does not for one or two degrees of freedom.
    nodes, weights = _quantile_nodes()
    limits = critical * np.sqrt(stats.chi2.ppf(nodes, degrees) / degrees)
    found = special.ndtr(noncentrality - limits) + special.ndtr(-noncentrality - limits)
    return float(weights @ found)


@lru_cache(maxsize=1)
def _quantile_nodes() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return (nodes + 1.0) / 2.0, weights / 2.0


@lru_cache(maxsize=4096)
def _power_noncentrality(losses: int, degrees: int, power: float) -> float:
    high = critical_range(losses, degrees)
    while pair_power(high, losses, degrees) < power:
        high *= 1.25
    return float(
        optimize.brentq(lambda value: pair_power(value, losses, degrees) - power, 0.0, high)
    )


def detectable_difference(
    variance: Array | float, losses: int, seeds: int, power: float = POWER
) -> Any:
    """True difference of one given pair that Tukey's test finds with probability ``power``.

    The statistic of a pair, its difference over ``sqrt(2 MSE / S)``, follows a noncentral t with
    (L - 1)(S - 1) degrees of freedom; it is called different beyond the studentized range's
    critical value over ``sqrt(2)``. The residual variance is taken as the true one.
    """
    noncentrality = _power_noncentrality(losses, (losses - 1) * (seeds - 1), power)
    return noncentrality * np.sqrt(2.0 * np.asarray(variance) / seeds)


def stated_difference(variance: Array | float, losses: int, seeds: int) -> Any:
    """The detectable difference as a table states it, from its *measured* residual variance.

    The root of an estimated variance is too small on average, by the factor known as c4; divided
    by it, the mean of what tables state is the difference that is detectable indeed.
    """
    degrees = (losses - 1) * (seeds - 1)
    log_c4 = special.gammaln((degrees + 1) / 2.0) - special.gammaln(degrees / 2.0)
    c4 = math.sqrt(2.0 / degrees) * math.exp(log_c4)
    return detectable_difference(variance, losses, seeds) / c4


def tukey(y: Array) -> TukeyResult:
    """Tukey's HSD on the loss x seed residual of one family, ``y`` of shape ``(L, S)``."""
    losses, seeds = y.shape
    variance = float(residual_variance(y))
    return TukeyResult(
        losses=losses,
        seeds=seeds,
        degrees=(losses - 1) * (seeds - 1),
        residual_variance=variance,
        threshold=float(tukey_threshold(variance, losses, seeds)),
        detectable=float(stated_difference(variance, losses, seeds)),
    )


def t_interval(y: Array) -> tuple[Array, Array]:
    """95 % Student t interval of the mean over the last axis (seeds), S >= 2."""
    seeds = y.shape[-1]
    if seeds < 2:
        raise ValueError(f"expected at least 2 seeds for an interval over seeds, got {seeds}")
    half = _t_quantile(seeds - 1) * y.std(axis=-1, ddof=1) / math.sqrt(seeds)
    mean = y.mean(axis=-1)
    return mean - half, mean + half


@lru_cache(maxsize=256)
def _t_quantile(degrees: int) -> float:
    return float(stats.t.ppf(1.0 - ALPHA / 2.0, degrees))


def image_bootstrap(per_image: Array) -> tuple[Array, Array]:
    """95 % percentile bootstrap of the mean over images, for *these trained networks only*.

    Args:
        per_image: ``(rows, images)`` with at least 2 images. All rows share the resamples, drawn
            from a fixed seed, so that equal records give equal tables.
    """
    images = per_image.shape[-1]
    if images < 2:
        raise ValueError(f"expected at least 2 images to resample, got {images}")
    counts = _resample_counts(images)
    # Centred, so that rounding in the product cannot widen the interval of constant scores.
    centre = per_image.mean(axis=-1, keepdims=True)
    means = centre + (per_image - centre) @ counts.T / images
    low, high = np.quantile(means, [ALPHA / 2.0, 1.0 - ALPHA / 2.0], axis=-1)
    return low, high


@lru_cache(maxsize=32)
def _resample_counts(images: int) -> npt.NDArray[np.int64]:
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    return generator.multinomial(images, np.full(images, 1.0 / images), size=BOOTSTRAP_RESAMPLES)


def tie_groups(means: Array, threshold: float, *, lower_is_better: bool) -> list[str]:
    """Compact letter display: two rows share a letter exactly if they are not called different.

    With one threshold for all pairs the groups are the maximal runs of sorted means that span at
    most the threshold (Piepho, 2004, for the general case). ``a`` goes to the best.

    Args:
        means: ``(L,)``.
        threshold: Tukey's honestly significant difference.
    """
    order = np.argsort(means if lower_is_better else -means, kind="stable")
    count = len(order)
    letters: list[list[str]] = [[] for _ in range(count)]
    group = 0
    reached = 0
    for first in range(count):
        last = first + 1
        while last < count and abs(means[order[last]] - means[order[first]]) <= threshold:
            last += 1
        if last > reached:  # not contained in the run before
            for position in range(first, last):
                letters[order[position]].append(_letter(group))
            group += 1
            reached = last
    return ["".join(row) for row in letters]


def _letter(index: int) -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return alphabet[index] if index < len(alphabet) else f"({index + 1})"
