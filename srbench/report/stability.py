"""How much the order of the rows still changed while training ended, on the validation images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from srbench.report.model import Leaderboard, Row
from srbench.report.ranking import is_rankable

MIN_ROWS = 3
MIN_POINTS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderStability:
    """The order of the trained rows by validation score, before and while training ends.

    Attributes:
        metric: by which rows are ordered, a mean over the validation images and over the seeds.
        labels: the rows, best at the last point first.
        iterations: the last validation point before the rate first decays, where it decays before
            the last third, and those of the last third; points that all runs share.
        ranks: a line per iteration: the rank of each label, 1 is best.
        kendall: per iteration, Kendall's tau-b between its order and the last one; 1 is the same
            order, 0 an unrelated one. ``None`` where all rows are equal.
        decays: whether the first iteration is the one before the rate decays.
    """

    metric: str
    labels: tuple[str, ...]
    iterations: tuple[int, ...]
    ranks: tuple[tuple[float, ...], ...]
    kendall: tuple[float | None, ...]
    decays: bool = False


def order_stability(board: Leaderboard) -> OrderStability | None:
    """The orders of a table, by its rank metric.

    ``None`` with fewer than three complete trained rows, fewer than two shared validation points
    in the last third, or a rank metric that validation did not score.
    """
    curves = {row.label: _mean_curve(board, row) for row in board.rows if is_rankable(row)}
    if len(curves) < MIN_ROWS:
        return None
    shared = sorted(set.intersection(*(set(curve) for curve in curves.values())))
    late = [i for i in shared if i >= shared[-1] - (shared[-1] - shared[0]) / 3.0]
    if len(late) < MIN_POINTS:
        return None
    decay = min(_milestones(board), default=None)
    before = [i for i in shared if decay is not None and i <= decay and i < late[0]]
    late = before[-1:] + late
    metric = next((m for m in board.metrics if m.name == board.rank_metric), None)
    sign = 1.0 if metric is None or metric.lower_is_better else -1.0
    labels = sorted(curves, key=lambda label: (sign * curves[label][late[-1]], label))
    scores = {i: [sign * curves[label][i] for label in labels] for i in late}
    return OrderStability(
        metric=board.rank_metric,
        labels=tuple(labels),
        iterations=tuple(late),
        ranks=tuple(tuple(float(r) for r in stats.rankdata(scores[i])) for i in late),
        kendall=tuple(_tau(scores[i], scores[late[-1]]) for i in late),
        decays=bool(before),
    )


def _milestones(board: Leaderboard) -> tuple[int, ...]:
    """Iterations at which the suite's rate decays."""
    section = board.records[0].suite.document.get("adversarial", {})
    return tuple(section.get("milestones", ()))


def stability_line(board: Leaderboard, found: OrderStability) -> str:
    """What is found, in one sentence."""
    taus = ", ".join(
        f"{'-' if tau is None else format(tau, '.2f')} at {iteration}"
        for iteration, tau in zip(found.iterations[:-1], found.kendall[:-1], strict=True)
    )
    same = "the order did not change" if len(set(found.ranks)) == 1 else "1 is the same order"
    return (
        f"Order {'before the rate decays and ' if found.decays else ''}over the last third of "
        f"training, by {board.title(found.metric)} on the validation "
        f"images (mean over seeds): Kendall's tau with the order at iteration "
        f"{found.iterations[-1]} is {taus}; {same}."
    )


def _mean_curve(board: Leaderboard, row: Row) -> Mapping[int, float]:
    """Iteration -> mean over the row's seeds, at the iterations that all of them share."""
    curves = [
        {point.iteration: point.scores[board.rank_metric] for point in curve.validation
         if board.rank_metric in point.scores}
        for curve in board.curves
        if curve.label == row.label and curve.scale == row.scale
    ]  # fmt: skip
    if not curves:
        return {}
    shared = set.intersection(*(set(curve) for curve in curves))
    return {i: math.fsum(curve[i] for curve in curves) / len(curves) for i in shared}


def _tau(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(set(one)) == 1 or len(set(other)) == 1:
        return None
    return round(float(stats.kendalltau(one, other).statistic), 12)  # 1 - 1e-16 is 1
