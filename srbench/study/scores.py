"""Scores of rows from votes, and their intervals: Bradley-Terry with ties, or mean opinion score.

Everything is batched over weightings of the votes, so that a bootstrap is one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from srbench.report.conventions import ALPHA, BOOTSTRAP_SEED
from srbench.report.statistics import critical_range

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

RESAMPLES = 400
_RIDGE = 0.05  # of a normal prior's precision: finite where a row never loses, else unseen
_STEPS = 60
_TOLERANCE = 1e-5  # of a step; Newton's next error is its square


@dataclass(frozen=True, kw_only=True)
class Ballots:
    """Votes as numbers, ``(V,)`` each.

    Attributes:
        rows: how many rows there are.
        rater, content: who voted, on which place.
        first: row.
        second: the row that it was compared with; ``None`` in ACR.
        answer: 0 where the first won, 1 a tie, 2 the second; in ACR 1 to 5.
    """

    rows: int
    rater: Indices
    content: Indices
    first: Indices
    second: Indices | None
    answer: Indices

    def but(self, answer: Indices) -> Ballots:
        """The same questions with other answers."""
        return Ballots(
            rows=self.rows, rater=self.rater, content=self.content, first=self.first,
            second=self.second, answer=answer,
        )  # fmt: skip

    @cached_property
    def parts(self) -> Array:
        """What scores are made of, one vote a line: ``(V, K)``, to be summed over votes.

        Pairs: one of (pair, outcome), outcomes seen from the lower row. ACR: number of votes on
        each row, and their sum.
        """
        if self.second is None:
            chosen = np.eye(self.rows)[self.first]
            return np.concatenate((chosen, chosen * self.answer[:, None]), axis=-1)
        parts = np.zeros((len(self.first), self.rows * (self.rows - 1) // 2 * 3))
        parts[np.arange(len(self.first)), self._cells(self.second)] = 1.0
        return parts

    def _cells(self, second: Indices) -> Indices:
        """Which (pair, outcome) each vote is."""
        low, high = np.minimum(self.first, second), np.maximum(self.first, second)
        pair = low * (2 * self.rows - low - 1) // 2 + high - low - 1
        outcome = np.where(self.first < second, self.answer, 2 - self.answer)
        return np.asarray(pair * 3 + outcome, dtype=np.intp)

    def total(self) -> Array:
        """Sum of :attr:`parts` over all votes, ``(K,)``, without making them."""
        if self.second is None:
            sums = [np.bincount(self.first, w, self.rows) for w in (None, self.answer)]
            return np.concatenate(sums).astype(np.float64)
        cells = self.rows * (self.rows - 1) // 2 * 3
        return np.bincount(self._cells(self.second), minlength=cells).astype(np.float64)

    def scores(self, sums: Array, start: Array | None = None) -> Array:
        """Scores of all rows from sums of :attr:`parts`: ``(B, K)`` to ``(B, R)``.

        Args:
            start: scores nearby, ``(R,)``, to begin the search at.
        """
        if self.second is None:
            votes, totals = sums[:, : self.rows], sums[:, self.rows :]
            return np.asarray(totals / np.maximum(votes, 1e-12))
        return bradley_terry(sums.reshape(len(sums), -1, 3), self.rows, start)


def bradley_terry(counts: Array, rows: int, start: Array | None = None) -> Array:
    """Maximum likelihood of Davidson's model, ``(B, P, 3)`` to centred log strengths ``(B, R)``.

    Between rows i and j the three outcomes are in the proportion
    ``exp(b_i) : nu exp((b_i + b_j) / 2) : exp(b_j)``; without a tie among the votes this is the
    model of Bradley and Terry. A difference of 1 stands for 73 % of the votes that are no ties.

    Source: Davidson, On extending the Bradley-Terry model to accommodate ties in paired comparison
    experiments, JASA 65, 1970.

    Args:
        counts: votes for the first, ties, votes for the second, of each pair in the order of
            ``itertools.combinations(range(rows), 2)``; weighted votes need not be whole.
        start: log strengths to begin the search at, ``(R,)``.
    """
    pairs = np.array(list(combinations(range(rows), 2)))
    design = np.zeros((len(pairs), rows + 1))
    design[np.arange(len(pairs)), pairs[:, 0]] = 1.0
    design[np.arange(len(pairs)), pairs[:, 1]] = -1.0
    tied = bool(counts[..., 1].any())
    total = counts.sum(axis=-1)
    ridge = np.full(rows + 1, _RIDGE)
    place = np.zeros((len(counts), rows + 1))  # the last: log nu
    if start is not None:
        place[:, :-1] = start
    squares = np.einsum("pi,pj->pij", design, design).reshape(len(pairs), -1)
    for _ in range(_STEPS):
        win, tie, loss = _outcomes(place @ design.T, place[:, -1:], tied=tied)
        lead = win - loss
        gradient = ((counts[..., 0] - counts[..., 2] - total * lead) / 2.0) @ design - ridge * place
        gradient[:, -1] += (counts[..., 1] - total * tie).sum(axis=-1) if tied else 0.0
        curve = (total * (win + loss - lead**2) / 4.0) @ squares
        curve = curve.reshape(len(counts), rows + 1, rows + 1)
        if tied:
            mixed = -(total * tie * lead / 2.0) @ design
            curve[:, -1, :] += mixed
            curve[:, :, -1] += mixed
            curve[:, -1, -1] += (total * tie * (1.0 - tie)).sum(axis=-1)
        step = np.linalg.solve(curve + np.diag(ridge), gradient[..., None])[..., 0]
        longest = np.abs(step).max(axis=-1, keepdims=True)
        place += step * np.minimum(1.0, 2.0 / np.maximum(longest, 1e-300))
        if longest.max(initial=0.0) < _TOLERANCE:
            break
    return np.asarray(place[:, :-1] - place[:, :-1].mean(axis=-1, keepdims=True))


def _outcomes(difference: Array, log_nu: Array, *, tied: bool) -> tuple[Array, Array, Array]:
    """Probabilities of the three outcomes."""
    half = difference / 2.0
    middle = np.broadcast_to(log_nu, half.shape) if tied else np.full_like(half, -np.inf)
    top = np.maximum(np.abs(half), middle)
    parts = [np.exp(half - top), np.exp(middle - top), np.exp(-half - top)]
    total = parts[0] + parts[1] + parts[2]
    return parts[0] / total, parts[1] / total, parts[2] / total


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Scores with their uncertainty.

    Attributes:
        values: ``(R,)``; higher is better.
        low, high: 95 % intervals.
        covariance: ``(R, R)`` of the values.
        threshold: rows further apart than this are told apart, at 5 % for all pairs together.
        degrees: of freedom behind the intervals: the fewer of raters and contents, less one.
    """

    values: Array
    low: Array
    high: Array
    covariance: Array
    threshold: float
    degrees: int


def score(ballots: Ballots, *, resamples: int = RESAMPLES, seed: int = BOOTSTRAP_SEED) -> Scored:
    """Scores of all rows, with intervals by bootstrap over raters and over images.

    Votes of one rater, and votes on one image, go together. Resampling raters gives the variance
    ``V_r``, resampling images ``V_c``, and either contains the noise of single answers, which
    resampling the (rater, image) cells gives alone: the variance is ``V_r + V_c - V_rc``, and at
    least half of ``V_rc`` (Cameron, Gelbach and Miller, Robust inference with multiway clustering,
    Journal of Business & Economic Statistics 29(2), 2011). Resampling both at once counts it
    three times (Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007).

    Raises:
        ValueError: fewer than two raters or contents.
    """
    raters = len(np.unique(ballots.rater))
    contents = len(np.unique(ballots.content))
    if min(raters, contents) < 2:
        raise ValueError(f"expected two or more raters and images, got {raters} and {contents}")
    generator = np.random.default_rng(seed)
    cells = ballots.rater * (ballots.content.max() + 1) + ballots.content
    values = ballots.scores(ballots.total()[None])[0]
    by_rater, by_content, by_cell = (
        _covariance(ballots, values, groups, resamples, generator)
        for groups in (ballots.rater, ballots.content, cells)
    )
    covariance = by_rater + by_content - by_cell
    spread = np.maximum(np.diag(covariance), np.diag(by_cell) / 2.0)
    degrees = min(raters, contents) - 1
    half = stats.t.ppf(1.0 - ALPHA / 2.0, degrees) * np.sqrt(spread)
    variance = np.maximum(_differences(covariance), _differences(by_cell) / 2.0).mean()
    critical = critical_range(ballots.rows, degrees)
    return Scored(
        values=values,
        low=values - half,
        high=values + half,
        covariance=covariance,
        threshold=float(critical * np.sqrt(variance / 2.0)),
        degrees=degrees,
    )


def _covariance(
    ballots: Ballots,
    values: Array,
    groups: Indices,
    resamples: int,
    generator: np.random.Generator,
) -> Array:
    """Covariance of the scores where the groups are drawn anew."""
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1
    order = np.argsort(group, kind="stable")
    sums = np.add.reduceat(ballots.parts[order], np.searchsorted(group[order], np.arange(count)))
    drawn = generator.multinomial(count, np.full(count, 1.0 / count), size=resamples)
    found = ballots.scores(drawn.astype(np.float64) @ sums, values)
    return np.atleast_2d(np.cov(found.T)) * count / (count - 1)


def _differences(covariance: Array) -> Array:
    """Variance of the difference of each pair of rows."""
    own = np.diag(covariance)
    square = own[:, None] + own[None] - 2.0 * covariance
    return np.asarray(square[np.triu_indices(len(own), k=1)])
