"""The headline as a table of strings, which Markdown, terminal and site show alike, and as data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from srbench.report.headline import BUDGETS, HeadlineFamily, Reading
from srbench.report.model import Headline, Leaderboard
from srbench.report.scales import PRIMARY_BUDGET

NOT_REACHED: Final = "not reached"


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadlineTable:
    """One data set and metric.

    Attributes:
        title: what it is of.
        dataset, leads: on which data set, and whether it is by the suite's rank metric.
        header: of the columns: rank in the primary one, label, one per budget, the mean gain where
            ranges are shared and any row gains, and two of resampling in the primary one.
        lines: one per row, in the order of the primary place or else of the first budgets.
        notes: why nothing is tested, where nothing is, and which rows do not compete.
    """

    title: str
    dataset: str
    leads: bool
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def headline_table(board: Leaderboard, headline: Headline) -> HeadlineTable:
    """One headline in strings."""
    metric = board.title(headline.metric)
    place = ("rank",) if headline.ranks else ()
    gain = (f"mean gain to -{headline.depth:.2f} dB",) if _gained(board, headline) else ()
    resampled = ("best", "better") if headline.resampled is not None else ()
    budgets = (_heading(metric, family) for family in headline.families)
    return HeadlineTable(
        title=f"{headline.dataset}: {metric} at equal distortion"
        + ("" if headline.primary else " (secondary)"),
        dataset=headline.dataset,
        leads=headline.metric == board.rank_metric,
        header=(*place, "label", *budgets, *gain, *resampled),
        lines=tuple(_line(board, headline, label) for label in headline_order(board, headline)),
        notes=tuple(_notes(headline)),
    )


def reading_rule(board: Leaderboard) -> str:
    """How a headline is read, in a few sentences."""
    primary = next((h for h in board.headlines if h.primary), None)
    ranked = ""
    if primary is not None:
        by = f"{primary_words(board, primary)} on {primary.dataset}"
        ranked = (
            f" The rank here is by {by}, the primary family; all others are secondary."
            if primary.places
            else f" No row is ranked here: none reaches {by}, the primary family, with every seed."
        )
    lettered = any(family.groups for h in board.headlines for family in h.families)
    letters = " Letters: rows that share one are not told apart." if lettered else ""
    return (
        "At equal distortion: each seed's line from its warm start to its generator, read where "
        f"PSNR first falls to the budget below that warm start. {NOT_REACHED.capitalize()}: the "
        f"curve ends above the budget, and nothing is extrapolated.{ranked}{letters}"
    )


def primary_words(board: Leaderboard, headline: Headline) -> str:
    """What the primary family reads: ``LPIPS at -0.5 dB``."""
    return f"{board.title(headline.metric)} at {PRIMARY_BUDGET:g} dB"


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
        "shared_depth": headline.depth,
        "gains": {label: areas.tolist() for label, areas in headline.gains.items()},
        "resampled": _resampled(headline),
        "standard_errors": {
            label: {"these_images": these, "images_like_these": sample}
            for label, (these, sample) in headline.errors.items()
        },
        "one_loss": [list(labels) for labels in headline.repeats],
    }


def _resampled(headline: Headline) -> dict[str, Any] | None:
    found = headline.resampled
    if found is None:
        return None
    return {
        "labels": list(_primary(headline).compared),
        "best": found.best.tolist(),
        "improvement": found.improvement.tolist(),
        "improvement_low": found.low.tolist(),
        "improvement_high": found.high.tolist(),
        "used": found.used,
        "drawn": found.drawn,
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
        "at_edge": reading.at_edge,
    }


def _heading(metric: str, family: HeadlineFamily) -> str:
    return f"{metric} at {family.budget:g} dB" + (" (primary)" if family.primary else "")


def headline_order(board: Leaderboard, headline: Headline) -> list[str]:
    """Labels of all rows with a curve: those with a place by it, the others by their readings."""
    sign = 1.0 if board.metric(headline.metric).lower_is_better else -1.0

    def key(label: str) -> tuple[Any, ...]:
        means = [float(reading.values.mean()) for reading in headline.readings(label)]
        known = [np.inf if np.isnan(mean) else sign * mean for mean in means]
        place = headline.places.get(label, np.inf)
        return label in headline.others, place, *known[1:2], *known, label

    return sorted(headline.curves, key=key)


def _line(board: Leaderboard, headline: Headline, label: str) -> tuple[str, ...]:
    first = (headline_place(headline, label),) if headline.ranks else ()
    return (
        *first,
        label,
        *readings(board, headline, label),
        *_gain(board, headline, label),
        *_chances(headline, label),
    )


def headline_place(headline: Headline, label: str) -> str:
    """Its rank at equal distortion, or a dash."""
    place = headline.places.get(label)
    return "-" if place is None else f"{place:g}"


def _gained(board: Leaderboard, headline: Headline) -> bool:
    """Whether any row gains by the digits that are shown.

    Of a metric that only gets worse along the curves, such as grid, the column would be zeros.
    """
    metric = board.metric(headline.metric)
    return any(float(metric.number(float(areas.mean()))) for areas in headline.gains.values())


def _gain(board: Leaderboard, headline: Headline, label: str) -> Iterator[str]:
    if _gained(board, headline):
        areas = headline.gains.get(label)
        mean = None if areas is None else float(areas.mean())
        yield "-" if mean is None else board.metric(headline.metric).number(mean)


def _chances(headline: Headline, label: str) -> Iterator[str]:
    """Probability of being best, and of improvement over another row, a mean over the others."""
    found, compared = headline.resampled, _primary(headline).compared
    if found is None:
        return
    if label not in compared:
        yield from ("-", "-")
        return
    place = compared.index(label)
    others = np.delete(found.improvement[place], place)
    yield f"{found.best[place]:.0%}"
    yield f"{others.mean():.0%}"


def _primary(headline: Headline) -> HeadlineFamily:
    return next((f for f in headline.families if f.primary), headline.families[0])


def readings(board: Leaderboard, headline: Headline, label: str) -> Iterator[str]:
    """What a row with a curve has at each budget, with its letters, or that it is not reached."""
    metric = board.metric(headline.metric)
    for family, reading in zip(headline.families, headline.readings(label), strict=True):
        if reading.reached:
            letters = family.groups.get(label, "")
            yield f"{metric.number(float(reading.values.mean()))} {letters}".rstrip()
        else:
            missed, seeds = int(np.isnan(reading.values).sum()), len(reading.values)
            yield NOT_REACHED + (f" by {missed} of {seeds} seeds" if missed < seeds else "")


def primary_reading(board: Leaderboard, headline: Headline, label: str) -> str:
    """What a row has at the budget of the primary family; empty for a row without a curve."""
    if label not in headline.curves:
        return ""
    return list(readings(board, headline, label))[BUDGETS.index(PRIMARY_BUDGET)]


def _notes(headline: Headline) -> Iterator[str]:
    for why in dict.fromkeys(family.why_not for family in headline.families if family.why_not):
        where = ", ".join(f"{f.budget:g} dB" for f in headline.families if f.why_not == why)
        yield f"Nothing is tested at {where}: {why}."
    for family in headline.families:
        for label, reading in family.readings.items():
            if reading.at_edge:
                yield (
                    f"{label} is read at content scale {reading.strength:g} at {family.budget:g} "
                    "dB, the edge of those trained: a scale beyond it may be better."
                )
    for labels in headline.repeats:
        yield _one_loss(headline, labels)
    found = headline.resampled
    if found is not None:
        yield (
            f"Best: share of {found.used} resamples of seeds and images in which the row's mean "
            f"at {_primary(headline).budget:g} dB is the best. Better: probability of improvement, "
            "the share of seeds in which it is better than another row, a mean over the others."
        )
    if headline.errors:
        these, sample = (
            f"{min(errors):.2g} to {max(errors):.2g}"
            for errors in zip(*headline.errors.values(), strict=True)
        )
        yield (
            f"Standard error of a row's mean at one strength: {these} for these images, where only "
            f"another training changes it; {sample} for images like these."
        )
    if headline.others:
        yield f"Shown and not compared: {', '.join(headline.others)}."


def _one_loss(headline: Headline, labels: tuple[str, ...]) -> str:
    apart = [
        f"{f.budget:g} dB"
        for f in headline.families
        if any(
            not set(f.groups[a]) & set(f.groups[b])
            for a, b in itertools.combinations([n for n in labels if n in f.groups], 2)
        )
    ]
    said = f"{', '.join(labels)} are one loss at several strengths"
    if not apart:
        return f"{said}; no budget tells them apart."
    return (
        f"{said}, told apart at {', '.join(apart)}: a strength is also another mix of content and "
        "adversarial loss, and the mix moves the curve."
    )
