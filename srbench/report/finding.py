"""A table in a sentence per data set: a row is called the best at equal distortion alone."""

from __future__ import annotations

from srbench.report.headline import HeadlineFamily
from srbench.report.model import Leaderboard
from srbench.report.scales import PRIMARY_BUDGET


def finding(board: Leaderboard, dataset: str) -> str:
    """What the table says by the rank metric on one data set, in one or two sentences."""
    title, metric = board.title(board.rank_metric), board.rank_metric
    family = _compared(board, dataset)
    if family is not None:
        return _at_budget(board, dataset, family)
    having = [r for r in board.rows if r.trained and (dataset, metric) in r.cells]
    ranked = [r.cells[dataset, metric].mean for r in having if r.cells[dataset, metric].rank]
    if not ranked:
        return f"{dataset}: no row has a rank by {title}."
    low, high = (board.metric(metric).number(value) for value in (min(ranked), max(ranked)))
    return (
        f"{dataset}: the trained rows have {title} {low} to {high}, at one strength each and at "
        "unequal distortion: none is called better."
    )


def _compared(board: Leaderboard, dataset: str) -> HeadlineFamily | None:
    """The rank metric's family at the primary budget, where any row reaches it."""
    for headline in board.headlines:
        if (headline.dataset, headline.metric) == (dataset, board.rank_metric):
            for family in headline.families:
                if family.budget == PRIMARY_BUDGET and family.compared:
                    return family
    return None


def _at_budget(board: Leaderboard, dataset: str, family: HeadlineFamily) -> str:
    metric = board.metric(board.rank_metric)
    sign = 1.0 if metric.lower_is_better else -1.0
    means = {label: float(family.readings[label].values.mean()) for label in family.compared}
    best = min(means, key=lambda label: sign * means[label])
    says = (
        f"{dataset}: at {family.budget:g} dB from the warm start the best {metric.title} is "
        f"{metric.number(means[best])}, by {best}."
    )
    if not family.groups:
        return f"{says} No difference is tested: {family.why_not}."
    tied = [n for n in means if n != best and set(family.groups[n]) & set(family.groups[best])]
    if not tied:
        return f"{says} Told apart from every other row that is compared."
    return f"{says} Not told apart from it: {', '.join(tied)}."
