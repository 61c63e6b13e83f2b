"""A row's place in what leads its table, and by what that is."""

from __future__ import annotations

from dataclasses import dataclass

from srbench.report.columns import Entry, entries, ranked_by
from srbench.report.headline_table import headline_order
from srbench.report.model import Headline, Leaderboard


@dataclass(frozen=True, kw_only=True, slots=True)
class LeadingPlace:
    """``rank``: 1 is best, ``None`` for a row without a place; ``of`` so many rows; ``by`` what."""

    rank: float | None
    of: int
    by: str


def primary_headline(board: Leaderboard) -> Headline | None:
    """The headline that ranks the table; ``None`` where the scores at one strength do."""
    return next((h for h in board.headlines if h.primary and h.places), None)


def leading_place(board: Leaderboard, label: str) -> LeadingPlace:
    """By the primary headline where there is one, else by the scores at one strength."""
    headline = primary_headline(board)
    if headline is not None:
        family = next(family for family in headline.families if family.primary)
        return LeadingPlace(
            rank=headline.places.get(label),
            of=len(headline.places),
            by=f"{board.title(headline.metric)} at {family.budget:g} dB on {headline.dataset}",
        )
    return LeadingPlace(
        rank=board.row(label).rank,
        of=sum(row.rank is not None for row in board.rows),
        by=ranked_by(board),
    )


def leading_order(board: Leaderboard, dataset: str) -> list[Entry]:
    """The rows of a data set as its primary headline has them, those without a curve last.

    Without such a headline in the order of the table.
    """
    found = entries(board, dataset)
    headline = next((h for h in board.headlines if h.primary and h.dataset == dataset), None)
    if headline is None:
        return found
    places = {label: place for place, label in enumerate(headline_order(board, headline))}
    return sorted(found, key=lambda entry: places.get(entry.row.label, len(places)))
