"""How many raters a study needs, by simulation from its own design."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

from srbench.report.conventions import BOOTSTRAP_SEED
from srbench.report.statistics import critical_range
from srbench.study.design import Design
from srbench.study.scores import Array, Ballots
from srbench.study.simulate import Taste, answers, questions

STUDIES = 400
"""Simulated studies for each number of raters that is tried: power within about 4 points."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What it takes to tell two rows apart.

    Attributes:
        raters: whose votes count; ``None`` where ``most`` raters do not do.
        votes: comparisons (pairs) or ratings (acr) of all of them, without repeats and checks.
        power: of the study with so many raters, in the simulation; with ``most`` where none do.
    """

    raters: int | None
    votes: int
    power: float


def plan(
    design: Design,
    difference: float,
    *,
    power: float = 0.8,
    taste: Taste | None = None,
    most: int = 500,
    studies: int = STUDIES,
) -> Plan:
    """The fewest raters with whom two rows are told apart.

    Two rows lie half the difference above and below all others, which are equal; they are told
    apart where they share no letter, by the rule of the analysis.

    Args:
        difference: pairs: share of votes for the better of the two, above 0.5 and below 1. ACR:
            points between them.
        power: wanted share of studies that tell them apart.
        taste: how raters and images differ.
        most: raters that could be had.
        studies: simulated ones for each number of raters.
    """
    taste = taste or Taste()

    @cache
    def at(raters: int) -> float:
        return power_of(design, raters, difference, taste, studies)

    low, high = 2, 4
    while at(high) < power:
        if high == most:
            return Plan(raters=None, votes=_votes(design, most), power=at(most))
        low, high = high, min(2 * high, most)
    raters = _first(lambda count: at(count) >= power, low, high)
    return Plan(raters=raters, votes=_votes(design, raters), power=at(raters))


def _first(enough: Callable[[int], bool], low: int, high: int) -> int:
    """The first number above ``low`` that is enough; ``high`` is."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _votes(design: Design, raters: int) -> int:
    return raters * len(design.sheet(0))


def power_of(design: Design, raters: int, difference: float, taste: Taste, studies: int) -> float:
    """Share of simulated studies with so many raters that tell the two rows apart."""
    asked = questions(design, raters)
    truth = true_scores(design, difference, taste)
    found = _estimates(asked, truth, taste, studies)
    apart = found[:, 0] - found[:, 1]
    differences = found[:, :, None] - found[:, None]
    pairs = np.triu_indices(design.rows, k=1)
    spread = np.sqrt(differences.var(axis=0, ddof=1)[pairs].mean())
    degrees = min(len(np.unique(asked.rater)), len(np.unique(asked.content))) - 1
    threshold = critical_range(design.rows, degrees) * spread / np.sqrt(2.0)
    return float((np.abs(apart) > threshold).mean())


def true_scores(design: Design, difference: float, taste: Taste) -> Array:
    """Scores of rows of which the first two differ so much in the eyes of all raters."""
    if design.pairs:
        # Averaged over raters and images a logit shrinks (Zeger, Liang and Albert, Biometrics 44,
        # 1988); the difference asked for is that of the average.
        spread = taste.rater**2 + taste.image**2
        difference = special.logit(difference) * np.sqrt(1.0 + 0.346 * spread)
    truth = np.zeros(design.rows) if design.pairs else np.full(design.rows, 3.0)
    truth[:2] += np.array([0.5, -0.5]) * difference
    return truth


def _estimates(asked: Ballots, truth: Array, taste: Taste, studies: int) -> Array:
    """Scores that so many studies find, ``(studies, R)``; some at a time, for memory's sake."""
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    at_once = max(1, 2_000_000 // len(asked.answer))
    found = []
    for start in range(0, studies, at_once):
        count = min(at_once, studies - start)
        drawn = answers(asked, truth, taste, generator, count)
        sums = np.stack([asked.but(one).total() for one in drawn])
        found.append(asked.scores(sums))
    return np.concatenate(found)
