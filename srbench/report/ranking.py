"""Tie groups and ranks per (data set, metric), and the mean rank over images of the sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from srbench.records import MetricInfo, RowKind
from srbench.report.model import Cell, Family, Key, Row
from srbench.report.rows import BuiltRow, TableContext
from srbench.report.statistics import tie_groups, tukey


def rank_rows(
    built: Sequence[BuiltRow], context: TableContext
) -> tuple[tuple[Row, ...], dict[Key, Family]]:
    """Rows with ranks and tie groups in the order of the table, and the families behind them.

    Ranked are the rows that a loss trained and that lack nothing; ``bicubic``, ``warm-start`` and
    ``hr`` are there to be compared with. Exact ties share the mean of their ranks.
    """
    cells: dict[str, dict[Key, Cell]] = {b.row.label: dict(b.row.cells) for b in built}
    families: dict[Key, Family] = {}
    for dataset in context.datasets:
        for metric in context.metrics:
            key = (dataset, metric.name)
            family, letters = _family(built, key, metric, context)
            families[key] = family
            for label, group in letters.items():
                cells[label][key] = replace(cells[label][key], group=group)
            for label, rank in _ranks(built, key, metric).items():
                cells[label][key] = replace(cells[label][key], rank=rank)
    means = {b.row.label: _mean_rank(cells[b.row.label], context) for b in built}
    places = _places({label: rank for label, rank in means.items() if rank is not None})
    rows = [
        replace(
            b.row,
            cells=cells[b.row.label],
            mean_rank=means[b.row.label],
            rank=places.get(b.row.label),
        )
        for b in built
    ]
    return tuple(sorted(rows, key=_table_order)), families


def is_rankable(row: Row) -> bool:
    """Whether a row takes part in ranks: a loss trained it and nothing is missing."""
    return row.trained and row.status in ("finished", "collapsed")


def _ranks(built: Sequence[BuiltRow], key: Key, metric: MetricInfo) -> dict[str, float]:
    rows = [b.row for b in built if is_rankable(b.row) and key in b.row.cells]
    if metric.diagnostic or not rows or any("small-image" in row.cells[key].flags for row in rows):
        return {}
    sign = 1.0 if metric.lower_is_better else -1.0
    ranks = stats.rankdata([sign * row.cells[key].mean for row in rows])
    return {row.label: float(rank) for row, rank in zip(rows, ranks, strict=True)}


def _family(
    built: Sequence[BuiltRow], key: Key, metric: MetricInfo, context: TableContext
) -> tuple[Family, Mapping[str, str]]:
    members = [b for b in built if b.in_family and key in b.seed_means]
    labels = tuple(b.row.label for b in members)
    why = ""
    if len(context.seeds) < 2:
        why = "one seed: the spread between trainings of one loss is unknown"
    elif len(members) < 2:
        why = "fewer than two complete rows that a loss trained"
    if why:
        family = Family(dataset=key[0], metric=key[1], labels=labels, tukey=None, why_not=why)
        return family, {}
    means = np.array([b.seed_means[key] for b in members])
    result = tukey(means)
    letters = tie_groups(
        means.mean(axis=1), result.threshold, lower_is_better=metric.lower_is_better
    )
    family = Family(dataset=key[0], metric=key[1], labels=labels, tukey=result)
    return family, dict(zip(labels, letters, strict=True))


def _mean_rank(cells: Mapping[Key, Cell], context: TableContext) -> float | None:
    """The rank on each data set weighs as many times as it has images."""
    found = [cells.get((dataset, context.rank_metric)) for dataset in context.rank_datasets]
    ranks = [(cell.rank, cell.images) for cell in found if cell is not None and cell.rank]
    if not ranks or len(ranks) < len(found):
        return None
    return math.fsum(rank * images for rank, images in ranks) / sum(n for _, n in ranks)


def _places(mean_ranks: Mapping[str, float]) -> dict[str, float]:
    if not mean_ranks:
        return {}
    places = stats.rankdata(list(mean_ranks.values()), method="min")
    return {label: float(place) for label, place in zip(mean_ranks, places, strict=True)}


def _table_order(row: Row) -> tuple[int, float, str]:
    if row.rank is not None:
        return (0, row.rank, row.label)
    if not row.trained:
        return (1, list(RowKind).index(row.kind), row.label)
    return ({"finished": 2, "collapsed": 3, "incomplete": 4, "failed": 5}[row.status], 0, row.label)
