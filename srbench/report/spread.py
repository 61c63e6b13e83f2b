"""Unequal spread: a test of it, Games and Howell's comparison where it is found, and both errors.

Tukey's test lets all losses share one spread. Where a loss varies more from seed to seed than the
others do, each pair is judged by its own.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from srbench.report.conventions import ALPHA
from srbench.report.statistics import critical_range

Array = npt.NDArray[np.float64]

_TABLES = 20_000
_SEED = 20240607


def seed_centred(y: Array) -> Array:
    """Means without the seeds' own level, scaled to the residual's variance; shape of ``y``.

    Args:
        y: ``(..., L, S)``. With equal spread each row's sample variance estimates the residual
            variance of the additive model without bias.
    """
    losses = y.shape[-2]
    return np.asarray((y - y.mean(axis=-2, keepdims=True)) * math.sqrt(losses / (losses - 1)))


def _bartlett(y: Array) -> Array:
    """Log of the mean row variance minus the mean of their logs, ``(...)``; 0 where all agree."""
    variances = seed_centred(y).var(axis=-1, ddof=1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(variances.mean(axis=-1)) - np.log(variances).mean(axis=-1))


@lru_cache(maxsize=64)
def _null(losses: int, seeds: int) -> Array:
    noise = np.random.default_rng(_SEED).standard_normal((_TABLES, losses, seeds))
    return np.sort(_bartlett(noise))


def equal_spread_p(y: Array) -> Array:
    """p-value of the hypothesis that all losses vary equally from seed to seed, ``(...)``.

    Bartlett's statistic on seed-centred means, against its own distribution over 20,000 tables of
    this shape with normal residuals of one variance (Bartlett's chi-squared is wrong with three
    seeds, and rows that share the seeds' level are not independent). With three seeds it finds
    only gross differences.

    Args:
        y: ``(..., L, S)``, L >= 3 and S >= 2; of two losses only the difference's spread is known.
    """
    losses, seeds = y.shape[-2:]
    if losses < 3 or seeds < 2:
        raise ValueError(f"expected at least 3 losses and 2 seeds, got {losses} and {seeds}")
    null = _null(losses, seeds)
    larger = _TABLES - np.searchsorted(null, _bartlett(y), side="left")
    return np.asarray((larger + 1.0) / (_TABLES + 1.0))


def games_howell(y: Array, alpha: float = ALPHA) -> npt.NDArray[np.bool_]:
    """Which pairs differ at the family-wise level, each by its own spread: ``(L, L)``, symmetric.

    Games and Howell, Journal of Educational Statistics 1(2), 1976, on seed-centred means.
    """
    losses, seeds = y.shape
    rows = seed_centred(y)
    squared = rows.var(axis=-1, ddof=1) / seeds
    pair = squared[:, None] + squared
    degrees = pair**2 * (seeds - 1) / (squared[:, None] ** 2 + squared**2)
    means = rows.mean(axis=-1)
    q = np.abs(means[:, None] - means) / np.sqrt(pair / 2.0)
    # The range's integral is slow, and the degrees of freedom bound most pairs: between seeds - 1
    # and twice that the critical value only falls.
    different = q > critical_range(losses, seeds - 1, alpha)
    open_pairs = ~different & (q > critical_range(losses, 2 * (seeds - 1), alpha))
    for i, j in np.argwhere(np.triu(open_pairs, 1)):
        tail = float(stats.studentized_range.sf(q[i, j], losses, degrees[i, j]))
        different[i, j] = different[j, i] = tail < alpha
    return np.asarray(different)


def letters(means: Array, different: npt.NDArray[np.bool_], *, lower_is_better: bool) -> list[str]:
    """Compact letter display of any set of differing pairs: two share a letter unless they differ.

    Piepho, Journal of Computational and Graphical Statistics 13(2), 2004: start with one group of
    all, split it at each differing pair, absorb what lies within another. ``a`` is the best's.
    """
    groups = [frozenset(range(len(means)))]
    for i, j in np.argwhere(np.triu(different)):
        split = [g for g in groups if not {i, j} <= g]
        split += [g - {k} for g in groups if {i, j} <= g for k in (i, j)]
        groups = [g for g in set(split) if not any(g < other for other in split)]
    place = stats.rankdata(means if lower_is_better else -means, method="ordinal")
    groups.sort(key=lambda g: sorted(place[list(g)]))
    names = [chr(ord("a") + n) if n < 26 else f"({n + 1})" for n in range(len(groups))]
    return [
        "".join(name for name, group in zip(names, groups, strict=True) if row in group)
        for row in range(len(means))
    ]


def standard_errors(scores: Array) -> tuple[Array, Array]:
    """Standard errors of the mean over seeds and images: of these images, and of images like them.

    ``these``: only another training would change the mean. ``sample``: other images would too; by
    the mean squares of the seed x image table, ``MS_seed + MS_image - MS_residual`` over S N, not
    below ``these`` (Searle, Casella and McCulloch, Variance Components, 1992, chapter 4).

    Args:
        scores: ``(..., S, N)`` of one loss, or differences of two; S >= 2 and N >= 2.
    """
    seeds, images = scores.shape[-2:]
    if seeds < 2 or images < 2:
        raise ValueError(f"expected at least 2 seeds and 2 images, got {seeds} and {images}")
    by_seed = scores.mean(axis=-1, keepdims=True)
    by_image = scores.mean(axis=-2, keepdims=True)
    mean = scores.mean(axis=(-2, -1), keepdims=True)
    residual = np.square(scores - by_seed - by_image + mean).sum(axis=(-2, -1))
    residual /= (seeds - 1) * (images - 1) * seeds * images
    these = by_seed[..., 0].var(axis=-1, ddof=1) / seeds
    image = by_image[..., 0, :].var(axis=-1, ddof=1) / images
    return np.sqrt(these), np.sqrt(np.maximum(these, these + image - residual))
