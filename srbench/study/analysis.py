"""What a study found: screening, scores with intervals, tie groups, and how far raters agree."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from srbench.errors import UserError
from srbench.records.votes import Vote
from srbench.report.statistics import tie_groups
from srbench.study.scores import Ballots, score
from srbench.study.screening import Rater, screen

_ANSWERS = {"first": 0, "tie": 1, "second": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class RowScore:
    """One row in people's eyes; ``group``: rows that share a letter were not told apart."""

    label: str
    score: float
    low: float
    high: float
    group: str
    votes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """The whole analysis.

    Attributes:
        unit: of the scores.
        rows: the best first.
        raters: everybody who voted; see :class:`Rater`.
        votes: that count: of raters who stay, without repeats and checks.
        ties: how many of them.
        alpha: Krippendorff's alpha between the raters who stay; 1 agreement, 0 chance. ``None``
            where no question was answered by two.
        threshold: rows further apart than this are told apart.
        places: (row, place) -> share of comparisons there that it won, ties a half; ACR: mean.
        choices: (place, row, row) -> (share who preferred the first, votes).
    """

    study: str
    design: Literal["pairs", "acr"]
    unit: str
    rows: tuple[RowScore, ...]
    raters: tuple[Rater, ...]
    votes: int
    ties: int
    alpha: float | None
    threshold: float
    places: Mapping[tuple[str, str], float]
    choices: Mapping[tuple[str, str, str], tuple[float, int]]

    @property
    def kept(self) -> int:
        """Raters whose votes count."""
        return sum(not rater.why_not for rater in self.raters)


def analyse(votes: Sequence[Vote]) -> Findings:
    """Analyse the votes on one study; they are all that is needed.

    Raises:
        UserError: no vote that counts, or too few raters, images or rows for an interval.
    """
    if not votes:
        raise UserError("expected votes, got none", "let raters vote first: srbench study serve")
    design: Literal["pairs", "acr"] = "pairs" if votes[0].second else "acr"
    raters = screen(votes, design)
    stay = {rater.name for rater in raters if not rater.why_not}
    mains = [vote for vote in votes if vote.kind == "main" and vote.rater in stay]
    labels = sorted({label for vote in mains for label in (vote.first, vote.second) if label})
    if len(labels) < 2:
        raise UserError(
            f"expected votes on two or more rows that count, got {len(mains)} votes of {len(stay)} "
            f"raters; {len(raters) - len(stay)} were screened out",
            "wait for more raters; `--json` says why each was screened out",
        )
    ballots = _ballots(mains, labels)
    try:
        scored = score(ballots)
    except ValueError as error:
        raise UserError(str(error), "wait for more raters; intervals need two of each") from error
    groups = tie_groups(scored.values, scored.threshold, lower_is_better=False)
    counts = [sum(label in (v.first, v.second) for v in mains) for label in labels]
    rows = [
        RowScore(
            label=label, score=float(value), low=float(low), high=float(high), group=g, votes=n
        )
        for label, value, low, high, g, n in zip(
            labels, scored.values, scored.low, scored.high, groups, counts, strict=True
        )
    ]
    return Findings(
        study=votes[0].study,
        design=design,
        unit="log odds" if design == "pairs" else "points of 5",
        rows=tuple(sorted(rows, key=lambda row: -row.score)),
        raters=tuple(raters),
        votes=len(mains),
        ties=sum(vote.answer == "tie" for vote in mains),
        alpha=krippendorff_alpha(mains, design),
        threshold=scored.threshold,
        places=_places(mains),
        choices=_choices(mains),
    )


def _ballots(mains: Sequence[Vote], labels: Sequence[str]) -> Ballots:
    row = {label: index for index, label in enumerate(labels)}
    raters, contents = (
        {name: index for index, name in enumerate(sorted(set(names)))}
        for names in ((v.rater for v in mains), (v.content for v in mains))
    )
    pairs = bool(mains[0].second)
    return Ballots(
        rows=len(labels),
        rater=np.array([raters[v.rater] for v in mains]),
        content=np.array([contents[v.content] for v in mains]),
        first=np.array([row[v.first] for v in mains]),
        second=np.array([row[v.second] for v in mains]) if pairs else None,
        answer=np.array([_ANSWERS[v.answer] if pairs else int(v.answer) for v in mains]),
    )


def krippendorff_alpha(mains: Sequence[Vote], design: str) -> float | None:
    """Krippendorff's alpha over questions that two or more raters answered.

    Pairs: nominal, which of the two rows (or neither). ACR: interval.
    """
    import krippendorff

    raters = {name: index for index, name in enumerate(sorted({v.rater for v in mains}))}
    things: dict[tuple[str, str, str], int] = {}
    cells: list[tuple[int, int, float]] = []
    for vote in mains:
        low, high = sorted((vote.first, vote.second)) if vote.second else (vote.first, "")
        thing = things.setdefault((vote.content, low, high), len(things))
        cells.append((raters[vote.rater], thing, _for_first(vote, low)))
    table = np.full((len(raters), len(things)), np.nan)
    for rater, thing, value in cells:
        table[rater, thing] = value
    several = (~np.isnan(table)).sum(axis=0) >= 2
    found = table[:, several]
    if not several.any() or len(np.unique(found[~np.isnan(found)])) < 2:
        return None
    level: Literal["nominal", "interval"] = "nominal" if design == "pairs" else "interval"
    return float(krippendorff.alpha(reliability_data=found, level_of_measurement=level))


def _for_first(vote: Vote, low: str) -> float:
    """A vote as a number: how far it is for the row ``low``, 0 to 1; in ACR the score itself."""
    if not vote.second:
        return float(vote.answer)
    share = {"first": 1.0, "tie": 0.5, "second": 0.0}[vote.answer]
    return share if vote.first == low else 1.0 - share


def _places(mains: Sequence[Vote]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for vote in mains:
        for label in (vote.first, vote.second):
            if label:
                found[label, vote.content].append(_for_first(vote, label))
    return {key: math.fsum(values) / len(values) for key, values in found.items()}


def _choices(mains: Sequence[Vote]) -> dict[tuple[str, str, str], tuple[float, int]]:
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for vote in mains:
        if vote.second:
            low, high = sorted((vote.first, vote.second))
            found[vote.content, low, high].append(_for_first(vote, low))
    return {key: (math.fsum(shares) / len(shares), len(shares)) for key, shares in found.items()}
