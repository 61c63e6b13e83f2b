"""How well a metric stands in for people: rank correlation within references, pairwise accuracy.

Only images of one reference are compared: how good a metric is across contents is another
question. References are resampled, since another data set would show other contents.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from srbench.report.conventions import ALPHA, BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED

Array = npt.NDArray[np.float64]

_BINS = 10
_LEAST_PER_BIN = 20
_WINDOW = 2.0**0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value with its 95 % interval over references, and what it rests on."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GapAccuracy:
    """Pairs whose metric gap lies between ``low`` and ``high``, and how often people agree."""

    low: float
    high: float
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricAgreement:
    """One metric against people.

    Attributes:
        references: contents that were resampled.
        accuracy: of pairs within a reference: the share of people who agree with the metric's
            choice (of the two mean opinion scores, where people scored); a metric's tie is a half.
        ceiling: what a metric that always sides with the majority would reach.
        srcc, krcc: mean over references of Spearman's and Kendall's (tau-b) correlation, +1 where
            the metric orders the images as people do; ``None`` for choices.
        by_gap: accuracy over the metric's own gap, in ten bins of equal count where there are pairs
            enough.
        at: accuracy near each gap asked for: pairs within a factor of the root of 2.
    """

    references: int
    accuracy: Estimate
    ceiling: float
    srcc: Estimate | None
    krcc: Estimate | None
    by_gap: tuple[GapAccuracy, ...]
    at: tuple[GapAccuracy, ...]


def agreement(
    metric: Mapping[str, float],
    references: Mapping[str, str],
    *,
    lower_is_better: bool,
    scores: Mapping[str, float] | None = None,
    choices: Sequence[tuple[str, str, float]] = (),
    gaps: Sequence[float] = (),
) -> MetricAgreement:
    """A metric's agreement with opinion scores or with pairwise choices.

    Args:
        metric: image -> score.
        references: image -> its reference.
        lower_is_better: direction of the metric.
        scores: image -> mean opinion score, higher is better; every pair with unequal scores of
            one reference is a choice of which people are certain.
        choices: (first, second, share who preferred the first) instead.
        gaps: metric gaps at which the accuracy is wanted.

    Raises:
        ValueError: neither or both kinds of opinion, no pair, or fewer than two references.
    """
    if bool(scores) == bool(choices):
        raise ValueError("expected opinion scores or choices, one of the two")
    sign = -1.0 if lower_is_better else 1.0
    pairs = list(choices) if choices else _pairs_of_scores(scores or {}, references)
    groups = sorted({references[first] for first, _, _ in pairs})
    if len(groups) < 2:
        raise ValueError(
            f"expected two or more references whose images people told apart, got {len(groups)}"
        )
    place = {name: index for index, name in enumerate(groups)}
    group = np.array([place[references[first]] for first, _, _ in pairs])
    gap = sign * np.array([metric[first] - metric[second] for first, second, _ in pairs])
    share = np.array([p for _, _, p in pairs])
    agree = np.where(gap == 0.0, 0.5, np.where(gap > 0.0, share, 1.0 - share))
    weights = _resampled(len(groups))
    correlations = _correlations(metric, scores, references, groups, sign) if scores else None
    size = np.abs(gap)
    return MetricAgreement(
        references=len(groups),
        accuracy=_ratio(agree, group, weights),
        ceiling=float(np.maximum(share, 1.0 - share).mean()),
        srcc=None if correlations is None else _mean(correlations[:, 0], weights),
        krcc=None if correlations is None else _mean(correlations[:, 1], weights),
        by_gap=tuple(_near(agree, group, size, weights, *edge) for edge in _edges(size)),
        at=tuple(_near(agree, group, size, weights, g / _WINDOW, g * _WINDOW) for g in gaps),
    )


def _pairs_of_scores(
    scores: Mapping[str, float], references: Mapping[str, str]
) -> list[tuple[str, str, float]]:
    return [
        (first, second, float(scores[first] > scores[second]))
        for members in _members(scores, references).values()
        for first, second in itertools.combinations(members, 2)
        if scores[first] != scores[second]
    ]


def _members(images: Mapping[str, float], references: Mapping[str, str]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = defaultdict(list)
    for image in images:
        members[references[image]].append(image)
    return members


def _correlations(
    metric: Mapping[str, float],
    scores: Mapping[str, float],
    references: Mapping[str, str],
    groups: Sequence[str],
    sign: float,
) -> Array:
    """Spearman's and Kendall's correlation per reference, ``(references, 2)``."""
    members = _members(scores, references)
    found = []
    for name in groups:
        mine = [sign * metric[image] for image in members[name]]
        people = [scores[image] for image in members[name]]
        if len(set(mine)) < 2:  # the metric tells nothing apart here: no order, no agreement
            found.append((0.0, 0.0))
            continue
        found.append(
            (stats.spearmanr(mine, people).statistic, stats.kendalltau(mine, people).statistic)
        )
    return np.array(found)


def _resampled(count: int) -> Array:
    """How often each reference is drawn, ``(resamples, count)``."""
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=BOOTSTRAP_RESAMPLES)
    return drawn.astype(np.float64)


def _ratio(values: Array, group: npt.NDArray[np.intp], weights: Array) -> Estimate:
    """Mean of ``values`` over pairs, resampled by reference."""
    count = weights.shape[1]
    sums = weights @ np.bincount(group, values, minlength=count)
    pairs = weights @ np.bincount(group, minlength=count)
    draws = sums[pairs > 0] / pairs[pairs > 0]
    low, high = np.quantile(draws, [ALPHA / 2.0, 1.0 - ALPHA / 2.0])
    return Estimate(value=float(values.mean()), low=float(low), high=float(high), count=len(values))


def _mean(values: Array, weights: Array) -> Estimate:
    return _ratio(values, np.arange(len(values)), weights)


def _edges(size: Array) -> list[tuple[float, float]]:
    bins = min(_BINS, len(size) // _LEAST_PER_BIN)
    if bins < 2:
        return []
    edges = np.unique(np.quantile(size, np.linspace(0.0, 1.0, bins + 1)))
    edges[-1] = np.nextafter(edges[-1], np.inf)  # the largest gap belongs to the last bin
    return [(float(low), float(high)) for low, high in itertools.pairwise(edges)]


def _near(
    agree: Array,
    group: npt.NDArray[np.intp],
    size: Array,
    weights: Array,
    low: float,
    high: float,
) -> GapAccuracy:
    chosen = (size >= low) & (size < high)
    if not chosen.any():
        nothing = Estimate(value=float("nan"), low=float("nan"), high=float("nan"), count=0)
        return GapAccuracy(low=low, high=high, accuracy=nothing)
    return GapAccuracy(low=low, high=high, accuracy=_ratio(agree[chosen], group[chosen], weights))
