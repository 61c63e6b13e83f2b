"""One row per label: which runs it stands on, what is missing, and its cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from srbench.records import MetricInfo, Record, RowKind
from srbench.report.convergence import row_verdict
from srbench.report.flags import cell_flags, comparable, game_flags
from srbench.report.model import Cell, Key, Row, Status
from srbench.report.scales import choose_scale
from srbench.report.statistics import image_bootstrap, t_interval


@dataclass(frozen=True, kw_only=True, slots=True)
class TableContext:
    """What all rows of a table have in common."""

    seeds: tuple[int, ...]
    datasets: tuple[str, ...]
    metrics: tuple[MetricInfo, ...]
    expected_metrics: tuple[str, ...]
    expected_datasets: tuple[str, ...]
    rank_metric: str
    rank_datasets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltRow:
    """A row without ranks, with the seed means that the statistics need.

    Attributes:
        seed_means: (dataset, metric) -> data-set means in the order of ``context.seeds``; only
            where every seed has one.
    """

    row: Row
    seed_means: Mapping[Key, tuple[float, ...]]
    in_family: bool


def build_rows(records: Sequence[Record], context: TableContext) -> list[BuiltRow]:
    """All rows of a table, in the order of the records' labels."""
    by_label: dict[str, dict[float, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        by_label[record.loss.label][record.content_scale].append(record)
    return [_row(label, by_scale, context) for label, by_scale in by_label.items()]


def _row(label: str, by_scale: Mapping[float, Sequence[Record]], context: TableContext) -> BuiltRow:
    infos = {metric.name: metric for metric in context.metrics}
    choice = choose_scale(by_scale, context.rank_metric, infos.get(context.rank_metric))
    runs = sorted(by_scale[choice.scale], key=lambda r: r.seed)
    scored = [r for r in runs if r.status != "failed"]
    loss = runs[0].loss
    kind = loss.kind
    trained = kind is RowKind.TRAINED
    convergence = row_verdict(scored, context.rank_metric) if trained else "unknown"
    missing = _missing(runs, context)
    if not choice.chosen:
        missing = (*missing, choice.reason)
    status = _status(runs, missing)
    having = {key: [r for r in scored if _has(r, key)] for key in _keys(scored, context)}
    cells = {
        key: _cell(found, key, cell_flags(found, key[0], infos[key[1]], convergence), context)
        for key, found in having.items()
    }
    seed_means = {
        key: tuple(_mean(r, key) for r in found)
        for key, found in having.items()
        if [r.seed for r in found] == list(context.seeds)
    }
    row = Row(
        label=label,
        loss="+".join(term.name for term in loss.terms) or label,
        kind=kind,
        reference=loss.reference,
        summary=loss.summary,
        task=loss.task,
        backbone=loss.backbone,
        pretrained_on=loss.pretrained_on,
        license=_license(runs),
        paper=loss.paper,
        status=status,
        seeds=tuple(r.seed for r in scored) if kind.generated else (),
        scale=choice.scale,
        scales=tuple(sorted(by_scale)),
        scale_reason=choice.reason,
        convergence=convergence,
        missing=missing,
        errors=_errors([r for scale in sorted(by_scale) for r in by_scale[scale]]),
        cells=cells,
        game=game_flags(scored),
    )
    in_family = trained and status == "finished" and comparable(label, scored)
    return BuiltRow(row=row, seed_means=seed_means, in_family=in_family)


def _keys(records: Sequence[Record], context: TableContext) -> list[Key]:
    """What the table shows of the scores that the records have."""
    shown = {(dataset, metric.name) for dataset in context.datasets for metric in context.metrics}
    found = ((d, m) for r in records for d, s in r.scores.items() for m in s.metrics)
    return [key for key in dict.fromkeys(found) if key in shown]


def _has(record: Record, key: Key) -> bool:
    dataset, metric = key
    return dataset in record.scores and metric in record.scores[dataset].metrics


def _mean(record: Record, key: Key) -> float:
    return record.scores[key[0]].metrics[key[1]].mean


def _cell(
    records: Sequence[Record],
    key: Key,
    flags: tuple[str, ...],
    context: TableContext,
) -> Cell:
    means = np.array([_mean(r, key) for r in records])
    low: float | None = None
    high: float | None = None
    images = len(records[0].scores[key[0]].images)
    if len(context.seeds) == 1:
        if images >= 2:
            per_image = records[0].scores[key[0]].metrics[key[1]].per_image
            values = np.array([per_image[n] for n in sorted(per_image)])
            low, high = (float(x) for x in image_bootstrap(values))
    elif len(means) >= 2 and records[0].loss.kind.generated:
        low, high = (float(x) for x in t_interval(means))
    return Cell(
        mean=float(means.mean()),
        low=low,
        high=high,
        seeds=len(records),
        images=images,
        flags=flags,
    )


def _missing(runs: Sequence[Record], context: TableContext) -> tuple[str, ...]:
    scored = {r.seed: r for r in runs if r.status != "failed"}
    kind = runs[0].loss.kind
    # One record of a row that no seed changes stands for all of them.
    wanted = list(context.seeds) if kind.generated else list(scored) or [runs[0].seed]
    missing = [f"seed {seed}" for seed in wanted if seed not in scored]
    if not kind.has_reference_scores:
        return tuple(missing)
    metrics = context.expected_metrics
    for seed in (s for s in wanted if s in scored):
        for dataset in context.expected_datasets:
            absent = [m for m in metrics if not _has(scored[seed], (dataset, m))]
            if len(absent) == len(metrics):
                missing.append(f"{dataset}, seed {seed}")
            elif absent:
                missing.append(f"{', '.join(absent)} on {dataset}, seed {seed}")
    return tuple(missing)


def _status(runs: Sequence[Record], missing: Sequence[str]) -> Status:
    if all(r.status == "failed" for r in runs):
        return "failed"
    if missing:
        return "incomplete"
    return "collapsed" if any(r.status == "collapsed" for r in runs) else "finished"


def _license(runs: Sequence[Record]) -> str:
    loss = runs[0].loss
    weights = [f"{w.id}: {w.license}" for w in loss.weights]
    return "; ".join(dict.fromkeys([loss.license, *weights]))


def _errors(runs: Sequence[Record]) -> tuple[str, ...]:
    lines = []
    for record in runs:
        if record.error is not None:
            message = record.error.message.strip().splitlines() or [""]
            scale = f", content scale {record.content_scale:g}"
            lines.append(f"seed {record.seed}{scale}: {record.error.kind}: {message[0]}")
    return tuple(lines)
