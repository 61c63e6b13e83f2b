"""The headline as a table of strings, which Markdown, terminal and site show alike, and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from srbench.report.headline import BUDGETS, HeadlineFamily, Reading
from srbench.report.model import Headline, Leaderboard

NOT_REACHED: Final = "not reached"


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadlineTable:
    """One data set and metric.

    Attributes:
        title: what it is of.
        header: of the columns: label, one per budget.
        lines: one per row, in the order of the primary place or else of the first budgets.
        notes: why nothing is tested, where nothing is, and which rows do not compete.
    """

    title: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def headline_table(board: Leaderboard, headline: Headline) -> HeadlineTable:
    """One headline in strings."""
    metric = board.title(headline.metric)
    place = ("rank",) if headline.primary else ()
    return HeadlineTable(
        title=f"{headline.dataset}: {metric} at equal distortion"
        + ("" if headline.primary else " (secondary)"),
        header=(*place, "label", *(_heading(metric, family) for family in headline.families)),
        lines=tuple(_line(board, headline, label) for label in _order(board, headline)),
        notes=tuple(_notes(headline)),
    )


def reading_rule(board: Leaderboard) -> str:
    """How a headline is read, in two sentences."""
    primary = next((h for h in board.headlines if h.primary), None)
    ranked = (
        f" The rank here is by {board.title(primary.metric)} at -0.5 dB on {primary.dataset}, the "
        "primary family; all others are secondary."
        if primary is not None
        else ""
    )
    return (
        "At equal distortion: each seed's line from its warm start to its generator, read where "
        f"PSNR first falls to the budget below that warm start. {NOT_REACHED.capitalize()}: the "
        f"curve ends above the budget, and nothing is extrapolated.{ranked} Letters: rows that "
        "share one are not told apart."
    )


def headline_document(headline: Headline) -> dict[str, Any]:
    """One headline as JSON data; ``null`` is not reached."""
    return {
        "dataset": headline.dataset,
        "metric": headline.metric,
        "primary": headline.primary,
        "places": dict(headline.places),
        "families": [_family(family) for family in headline.families],
        "others": {
            label: [
                {"budget": budget, **_reading(reading)}
                for budget, reading in zip(BUDGETS, readings, strict=True)
            ]
            for label, readings in headline.others.items()
        },
        "curves": {
            label: {
                "coefficients": curves.coefficients.tolist(),
                "psnr": curves.psnr.tolist(),
                "quality": curves.quality.tolist(),
            }
            for label, curves in headline.curves.items()
        },
    }


def _family(family: HeadlineFamily) -> dict[str, Any]:
    return {
        "budget": family.budget,
        "primary": family.primary,
        "compared": list(family.compared),
        "groups": dict(family.groups),
        "tukey": None if family.tukey is None else asdict(family.tukey),
        "equal_spread_p": family.spread_p,
        "games_howell": family.unequal,
        "why_not": family.why_not,
        "readings": {label: _reading(reading) for label, reading in family.readings.items()},
    }


def _reading(reading: Reading) -> dict[str, Any]:
    values = [float(v) if np.isfinite(v) else None for v in reading.values]
    return {
        "mean": float(reading.values.mean()) if reading.reached else None,
        "by_seed": values,
        "content_scale": reading.strength,
    }


def _heading(metric: str, family: HeadlineFamily) -> str:
    return f"{metric} at {family.budget:g} dB" + (" (primary)" if family.primary else "")


def _order(board: Leaderboard, headline: Headline) -> list[str]:
    sign = 1.0 if board.metric(headline.metric).lower_is_better else -1.0

    def key(label: str) -> tuple[Any, ...]:
        means = [float(reading.values.mean()) for reading in headline.readings(label)]
        known = [np.inf if np.isnan(mean) else sign * mean for mean in means]
        place = headline.places.get(label, np.inf)
        return label in headline.others, place, *known[1:2], *known, label

    return sorted(headline.curves, key=key)


def _line(board: Leaderboard, headline: Headline, label: str) -> tuple[str, ...]:
    place = headline.places.get(label)
    first = ("-" if place is None else f"{place:g}",) if headline.primary else ()
    return (*first, label, *_cells(board, headline, label))


def _cells(board: Leaderboard, headline: Headline, label: str) -> Iterator[str]:
    metric = board.metric(headline.metric)
    for family, reading in zip(headline.families, headline.readings(label), strict=True):
        if reading.reached:
            letters = family.groups.get(label, "")
            yield f"{metric.number(float(reading.values.mean()))} {letters}".rstrip()
        else:
            missed, seeds = int(np.isnan(reading.values).sum()), len(reading.values)
            yield NOT_REACHED + (f" by {missed} of {seeds} seeds" if missed < seeds else "")


def primary_reading(board: Leaderboard, headline: Headline, label: str) -> str:
    """What a row has in the primary family, as the headline's table shows it; empty for none."""
    if label not in headline.curves:
        return ""
    place = next(i for i, family in enumerate(headline.families) if family.primary)
    return list(_cells(board, headline, label))[place]


def _notes(headline: Headline) -> Iterator[str]:
    for why in dict.fromkeys(family.why_not for family in headline.families if family.why_not):
        where = ", ".join(f"{f.budget:g} dB" for f in headline.families if f.why_not == why)
        yield f"Nothing is tested at {where}: {why}."
    if headline.others:
        yield f"Shown and not compared: {', '.join(headline.others)}."
