"""Which raters' votes count: attention checks, self-consistency, and BT.500's rule for outliers.

A rater stays who did so well on the checks that one who answers at random does as well in at most 5
of 100 cases, and who did not contradict the own answers more often than chance would. In ACR the
rule of ITU-R BT.500 for outliers (annex 2, 2.3.1) is then applied once to those who stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import stats

from srbench.records.opinions import BICUBIC, HR
from srbench.records.votes import Vote
from srbench.report.conventions import ALPHA

RIGHT_BY_CHANCE: Final = {"pairs": 0.5, "acr": 0.4}
"""Chance of a right answer at random: one of two; HR above bicubic on five points, ties wrong."""
ALIKE_BY_CHANCE: Final = {"pairs": 0.5, "acr": 13 / 25}
"""Chance of the same side; of two ratings at most one point apart."""
_OUTSIDE = 0.05
_LOPSIDED = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Rater:
    """One rater and how the screening went.

    Attributes:
        votes: without repeats and checks.
        checks, right: checks that were answered, and those answered rightly.
        repeats, alike: questions that were asked twice, and those answered alike.
        why_not: why the votes do not count; empty where they do.
    """

    name: str
    votes: int
    checks: int
    right: int
    repeats: int
    alike: int
    why_not: str = ""


def screen(votes: Iterable[Vote], design: str) -> list[Rater]:
    """Every rater, in the order of their names.

    Args:
        design: ``pairs`` or ``acr``.
    """
    by_rater: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_rater[vote.rater].append(vote)
    raters = [_judged(name, mine, design) for name, mine in sorted(by_rater.items())]
    if design == "pairs":
        return raters
    kept = {rater.name for rater in raters if not rater.why_not}
    mains = [v for name in kept for v in by_rater[name] if v.kind == "main"]
    outliers = bt500_outliers([(v.rater, (v.content, v.first), int(v.answer)) for v in mains])
    why = "an outlier by the rule of ITU-R BT.500"
    return [replace(rater, why_not=why) if rater.name in outliers else rater for rater in raters]


def _judged(name: str, votes: Sequence[Vote], design: str) -> Rater:
    right = _checks(votes, design)
    alike = _repeats(votes)
    why = ""
    if not passes_checks(sum(right), len(right), design):
        why = f"{sum(right)} of {len(right)} attention checks right, as chance might have it"
    elif stats.binom.cdf(sum(alike), len(alike), ALIKE_BY_CHANCE[design]) <= ALPHA:
        why = f"only {sum(alike)} of {len(alike)} repeated questions answered alike"
    return Rater(
        name=name,
        votes=sum(vote.kind == "main" for vote in votes),
        checks=len(right),
        right=sum(right),
        repeats=len(alike),
        alike=sum(alike),
        why_not=why,
    )


def passes_checks(right: int, checks: int, design: str) -> bool:
    """Whether one who answers at random gets so many right in at most 5 of 100 cases."""
    return bool(stats.binom.sf(right - 1, checks, RIGHT_BY_CHANCE[design]) <= ALPHA)


def _checks(votes: Sequence[Vote], design: str) -> list[bool]:
    checks = [vote for vote in votes if vote.kind == "check"]
    if design == "pairs":
        return [v.answer == ("first" if v.first == HR else "second") for v in checks]
    by_place: dict[str, dict[str, int]] = defaultdict(dict)
    for vote in checks:
        by_place[vote.content][vote.first] = int(vote.answer)
    return [both[HR] > both[BICUBIC] for both in by_place.values() if len(both) == 2]


def _repeats(votes: Sequence[Vote]) -> list[bool]:
    first = {_question(vote): vote for vote in votes if vote.kind == "main"}
    again = [vote for vote in votes if vote.kind == "repeat" and _question(vote) in first]
    return [_alike(first[_question(vote)], vote) for vote in again]


def _question(vote: Vote) -> tuple[str, frozenset[str]]:
    return vote.content, frozenset((vote.first, vote.second))


def _alike(one: Vote, other: Vote) -> bool:
    if one.answer.isdigit():
        return abs(int(one.answer) - int(other.answer)) <= 1
    return _preferred(one) == _preferred(other)


def _preferred(vote: Vote) -> str:
    return {"first": vote.first, "second": vote.second}.get(vote.answer, "")


def bt500_outliers(ratings: Sequence[tuple[str, object, int]]) -> set[str]:
    """Raters whose scores lie outside too often, and on both sides.

    Source: Recommendation ITU-R BT.500, annex 2, section 2.3.1.

    Args:
        ratings: (rater, what was rated, score).
    """
    by_thing: dict[object, dict[str, int]] = defaultdict(dict)
    for rater, thing, score in ratings:
        by_thing[thing][rater] = score
    above: dict[str, int] = defaultdict(int)
    below: dict[str, int] = defaultdict(int)
    count: dict[str, int] = defaultdict(int)
    for scores in by_thing.values():
        low, high = _bounds(scores)
        for rater, score in scores.items():
            count[rater] += 1
            above[rater] += score >= high
            below[rater] += score <= low
    return {
        rater
        for rater, total in count.items()
        if (outside := above[rater] + below[rater]) / total > _OUTSIDE
        and abs(above[rater] - below[rater]) / outside < _LOPSIDED
    }


def _bounds(scores: Mapping[str, int]) -> tuple[float, float]:
    """Mean plus and minus 2 standard deviations, or root 20 where the scores are not normal."""
    values = np.array(list(scores.values()), dtype=np.float64)
    if len(values) < 2 or np.ptp(values) == 0.0:
        return -np.inf, np.inf  # all agree: nobody is outside
    spread, kurtosis = values.std(ddof=1), stats.kurtosis(values, fisher=False)
    half = (2.0 if 2.0 <= kurtosis <= 4.0 else np.sqrt(20.0)) * spread
    return float(values.mean() - half), float(values.mean() + half)
