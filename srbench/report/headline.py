"""The headline: losses compared at equal distortion, seeds as replicates, one primary family.

Plain inputs: for every label and strength the curves of its seeds, ``Curves`` of shape ``(S,)``.
Where several strengths reach a budget, the one counts that is best at that budget on the validation
images, chosen for all seeds of the label together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from srbench.report.budget import Array, Curves, dominated_area, quality_at
from srbench.report.conventions import ALPHA
from srbench.report.spread import equal_spread_p, games_howell, letters
from srbench.report.statistics import (
    TukeyResult,
    residual_variance,
    tie_groups,
    tukey,
    tukey_threshold,
)

BUDGETS = (-0.25, -0.5, -1.0)
"""dB below each seed's own warm start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Strength:
    """One trained strength of a loss: its seeds' curves on the test and the validation images.

    Attributes:
        value: what a reader knows it by: the content scale or the adversarial weight.
        test: curves ``(S,)``.
        validation: curves ``(S,)`` of the same seeds; needed where several strengths are offered.
    """

    value: float
    test: Curves
    validation: Curves | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A label's quality at one budget.

    Attributes:
        strength: chosen on validation; ``None`` where no strength reaches the budget there.
        at_edge: it is the weakest or strongest of several that were offered.
        values: ``(S,)`` on the test images; NaN where a seed's curve does not reach the budget.
    """

    strength: float | None
    at_edge: bool
    values: Array

    @property
    def reached(self) -> bool:
        """Whether every seed has a value."""
        return bool(np.isfinite(self.values).all())


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadlineFamily:
    """All labels at one budget, on one data set by one metric.

    Attributes:
        primary: the one family that the suite named before it ran; the others are secondary.
        readings: by label.
        compared: labels that every seed of which reached the budget, in the order of ``readings``.
        groups: compact letter display over ``compared``; empty where nothing is tested.
        tukey: the test with one spread; ``None`` with ``why_not``.
        spread_p: p-value of equal spread; ``None`` with two labels or untested.
        unequal: whether equal spread was refused, so that ``groups`` are Games and Howell's.
    """

    budget: float
    primary: bool
    readings: Mapping[str, Reading]
    compared: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)
    tukey: TukeyResult | None = None
    spread_p: float | None = None
    unequal: bool = False
    why_not: str = ""


def read_label(strengths: tuple[Strength, ...], budget: float, *, lower_is_better: bool) -> Reading:
    """A label's quality at ``budget`` dB, at the strength that validation chooses."""
    if not strengths:
        raise ValueError("expected at least one strength, got none")
    if len(strengths) == 1 and strengths[0].validation is None:  # nothing to choose
        (only,) = strengths
        return Reading(strength=only.value, at_edge=False, values=quality_at(only.test, budget))
    sign = 1.0 if lower_is_better else -1.0
    # The mean is NaN where any seed does not reach the budget: such a strength is no choice.
    offered = [(sign * float(np.mean(quality_at(_decides(s), budget))), s) for s in strengths]
    able = [(score, s) for score, s in offered if np.isfinite(score)]
    if not able:
        nothing = np.full(strengths[0].test.psnr.shape[:-1], np.nan)
        return Reading(strength=None, at_edge=False, values=nothing)
    _, chosen = min(able, key=lambda item: (item[0], item[1].value))
    values = [s.value for s in strengths]
    at_edge = len(values) > 1 and chosen.value in (min(values), max(values))
    return Reading(strength=chosen.value, at_edge=at_edge, values=quality_at(chosen.test, budget))


def _decides(strength: Strength) -> Curves:
    if strength.validation is None:
        raise ValueError("expected validation curves to choose between strengths by, got none")
    return strength.validation


def headline_family(
    labels: Mapping[str, tuple[Strength, ...]],
    budget: float,
    *,
    lower_is_better: bool,
    primary: bool = False,
) -> HeadlineFamily:
    """Read every label at ``budget`` dB and compare those that reach it.

    Args:
        labels: the rows that compete: trained, with a game that lives, all of the same seeds.
        budget: negative.
        lower_is_better: direction of the curves' quality.
        primary: whether the suite names this family.
    """
    readings = {
        label: read_label(strengths, budget, lower_is_better=lower_is_better)
        for label, strengths in labels.items()
    }
    compared = tuple(label for label, reading in readings.items() if reading.reached)
    seeds = {reading.values.shape for reading in readings.values()}
    if len(seeds) > 1:
        raise ValueError(f"expected the same seeds for every label, got {sorted(seeds)}")
    why_not = ""
    if len(compared) < 2:
        why_not = "fewer than two losses reach this budget with every seed"
    elif readings[compared[0]].values.shape[0] < 2:
        why_not = "one seed: the spread between trainings of one loss is unknown"
    family = HeadlineFamily(
        budget=budget, primary=primary, readings=readings, compared=compared, why_not=why_not
    )
    if why_not:
        return family
    y = np.stack([readings[label].values for label in compared])
    spread_p = float(equal_spread_p(y)) if len(y) > 2 else None
    unequal = spread_p is not None and spread_p < ALPHA
    test = tukey(y)
    groups = dict(zip(compared, _groups(y, test, unequal, lower_is_better), strict=True))
    return replace(family, groups=groups, tukey=test, spread_p=spread_p, unequal=unequal)


def _groups(y: Array, test: TukeyResult, unequal: bool, lower_is_better: bool) -> list[str]:
    means = y.mean(axis=-1)
    if unequal:
        return letters(means, games_howell(y), lower_is_better=lower_is_better)
    return tie_groups(means, test.threshold, lower_is_better=lower_is_better)


def any_pair_differs(y: Array) -> npt.NDArray[np.bool_]:
    """Whether the headline's rule calls any pair of a board different, ``(boards,)``.

    The rule of :func:`headline_family` for many simulated boards at once.

    Args:
        y: ``(boards, L, S)``, L >= 3.
    """
    found = np.ptp(y.mean(axis=-1), axis=-1) > tukey_threshold(residual_variance(y), *y.shape[-2:])
    for board in np.flatnonzero(equal_spread_p(y) < ALPHA):
        found[board] = games_howell(y[board]).any()
    return np.asarray(found)


def shared_area(
    labels: Mapping[str, Curves], *, lower_is_better: bool
) -> tuple[float, Mapping[str, Array]]:
    """Mean gain over the PSNR range that all losses and seeds share, per label and seed.

    Returns:
        The range's depth in dB below the warm start (0 where some curve never falls below it, and
        then no areas), and per label the dominated area ``(S,)`` over it.
    """
    depth = min(float(curves.depth.min()) for curves in labels.values())
    if depth <= 0.0:
        return 0.0, {}
    areas = {
        label: dominated_area(curves, depth, lower_is_better=lower_is_better)
        for label, curves in labels.items()
    }
    return depth, areas
