"""A row's place in what leads its table, and by what that is."""

from __future__ import annotations

from dataclasses import dataclass

from srbench.report.columns import Entry, entries, ranked_by
from srbench.report.headline_table import headline_order, primary_words
from srbench.report.model import Leaderboard


@dataclass(frozen=True, kw_only=True, slots=True)
class LeadingPlace:
    """``rank``: 1 is best, ``None`` for a row without a place; ``of`` so many rows; ``by`` what,
    which ``brief`` says in few words."""

    rank: float | None
    of: int
    by: str
    brief: str


def leading_place(board: Leaderboard, label: str) -> LeadingPlace:
    """By the headline where one ranks the table, else by the scores at one strength."""
    headline = board.leading
    if headline is not None:
        by = f"{primary_words(board, headline)} on {headline.dataset}"
        return LeadingPlace(
            rank=headline.places.get(label), of=len(headline.places), by=by, brief=by
        )
    return LeadingPlace(
        rank=board.row(label).rank,
        of=sum(row.rank is not None for row in board.rows),
        by=ranked_by(board),
        brief=board.title(board.rank_metric),
    )


def leading_order(board: Leaderboard, dataset: str) -> list[Entry]:
    """The rows of a data set as the leading metric has them at equal distortion (where it has no
    readings there, as the headline has them), those without a curve last; without a headline in the
    order of the table."""
    found = entries(board, dataset)
    headline = board.leading_on(dataset) or board.leading
    if headline is None:
        return found
    places = {label: place for place, label in enumerate(headline_order(board, headline))}
    return sorted(found, key=lambda entry: places.get(entry.row.label, len(places)))
