"""What a table says, in one sentence: who is first, by what, and from whom it is not told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from srbench.report.columns import ranked_by
from srbench.report.model import Headline, Leaderboard


def verdict(board: Leaderboard) -> str:
    """The first row of what ranks: the primary headline where there is one, else the scores."""
    if board.leading is not None:
        return _at_equal_distortion(board, board.leading)
    ranked = [row for row in board.rows if row.rank is not None]
    dataset = board.lead_dataset()
    if not ranked or dataset is None:
        return "No row has a rank: see above what is missing."
    first = min(ranked, key=lambda row: row.rank or 0)
    metric = board.metric(board.rank_metric)
    cells = {row.label: row.cells.get((dataset, metric.name)) for row in ranked}
    cell = cells[first.label]
    where = f" on {dataset}" if len(board.rank_datasets) > 1 else ""
    score = "" if cell is None else f" ({metric.number(cell.mean)}{where})"
    groups = {label: found.group for label, found in cells.items() if found is not None}
    apart = _told_apart(board, first.label, groups, where)
    return f"First by {ranked_by(board)}: {first.label}{score}. {apart}"


def _at_equal_distortion(board: Leaderboard, headline: Headline) -> str:
    family = next(family for family in headline.families if family.primary)
    first = min(headline.places, key=lambda label: headline.places[label])
    metric = board.metric(headline.metric)
    value = metric.number(float(family.readings[first].values.mean()))
    return (
        f"First by {metric.title} at {family.budget:g} dB on {headline.dataset}, at equal "
        f"distortion: {first} ({value}). {_told_apart(board, first, family.groups, '')}"
    )


def _told_apart(board: Leaderboard, first: str, groups: Mapping[str, str], where: str) -> str:
    """From whom the first row differs, by the letters."""
    if len(board.seeds) < 2:
        return "With one seed, no difference between rows can be told from chance."
    mine = set(groups.get(first, ""))
    if not mine:
        return "Differences were not tested."
    alike = [label for label, letters in groups.items() if label != first and mine & set(letters)]
    if not alike:
        return f"It differs from all other compared rows{where}."
    return f"Not told apart from it{where}: {_few(alike)}."


def _few(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(labels[:5]) + more
