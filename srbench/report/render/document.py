"""``leaderboard.json``: everything that the table shows, as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from srbench.report.agreement import TRADE_OFF
from srbench.report.columns import Entry, columns
from srbench.report.conventions import ALPHA, FLAGS, NETWORKS_ONLY, POWER
from srbench.report.headline_table import headline_document
from srbench.report.model import Cell, Family, Leaderboard, Row
from srbench.report.second_view import second_views
from srbench.report.stability import order_stability
from srbench.report.text import meant

DOCUMENT_SCHEMA = 1
_FACTS = (
    "kind", "reference", "trained", "summary", "pretrained_on", "paper", "seeds", "scale",
    "scales", "scale_reason", "convergence", "mean_rank", "missing", "errors",
)  # fmt: skip
_SHOWN = {"name", "version", "lower_is_better", "title", "digits", "axis"}


def leaderboard_document(board: Leaderboard) -> dict[str, Any]:
    """The leaderboard as JSON-ready data. ``null`` stands for what is not known."""
    stability = order_stability(board)
    document = {
        "schema": DOCUMENT_SCHEMA,
        "suite": {
            "name": board.suite,
            "version": board.suite_version,
            "sha256": board.suite_sha256,
            "summary": board.summary,
            "track": board.track,
        },
        "protocol": board.protocol,
        "seeds": list(board.seeds),
        "declared_seeds": list(board.declared_seeds),
        "datasets": list(board.datasets),
        "metrics": [metric.model_dump(include=_SHOWN) for metric in board.metrics],
        "rank": {
            "metric": board.rank_metric,
            "datasets": list(board.rank_datasets),
            "weights": {name: board.images(name) for name in board.rank_datasets},
        },
        "intervals": {"level": 1.0 - ALPHA, **asdict(board.intervals)},
        "headlines": [headline_document(headline) for headline in board.headlines],
        "rows": [_row(board, row) for row in board.rows],
        "families": [_family(family) for family in board.families.values()],
        "correlations": [asdict(table) for table in board.correlations],
        "agreement": {
            metric.name: metric.agreement and metric.agreement.model_dump()
            for metric in board.metrics
        },
        "trade_off": TRADE_OFF.model_dump(),
        "second_view": [asdict(view) for view in second_views(board)],
        "order_stability": None if stability is None else asdict(stability),
        "costs": [asdict(line) for line in board.costs],
        "flags": {name: {"code": code, "meaning": text} for name, (code, text) in FLAGS.items()},
        "networks_only": NETWORKS_ONLY,
        "notes": list(board.notes),
    }
    rounded: dict[str, Any] = meant(document)
    return rounded


def _row(board: Leaderboard, row: Row) -> dict[str, Any]:
    """What the columns show, what else is known of the row, and its scores with their parts."""
    table = [Entry(board=board, row=row, dataset="")]
    document: dict[str, Any] = {
        column.name: column.value(table[0])
        for column in columns(board, "json", table)
        if column.metric is None
    }
    for name in _FACTS:
        value = getattr(row, name)
        document[name] = list(value) if isinstance(value, tuple) else value
    scores: dict[str, dict[str, Any]] = {}
    for (dataset, metric), cell in row.cells.items():
        scores.setdefault(dataset, {})[metric] = _cell(cell)
    return {**document, "scores": scores}


def _cell(cell: Cell) -> dict[str, Any]:
    return {**asdict(cell), "flags": list(cell.flags)}


def _family(family: Family) -> dict[str, Any]:
    return {
        "dataset": family.dataset,
        "metric": family.metric,
        "labels": list(family.labels),
        "level": ALPHA,
        "power": POWER,
        "tukey": None if family.tukey is None else asdict(family.tukey),
        "why_not": family.why_not,
    }
