"""From records to a leaderboard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from srbench.records import Record
from srbench.records.opinions import Opinions
from srbench.report.authority import own_suite, table_authority, table_seeds
from srbench.report.correlation import metric_correlations
from srbench.report.costs import cost_lines
from srbench.report.equal_distortion import read_headlines
from srbench.report.intervals import describe_intervals
from srbench.report.metrics import metric_infos
from srbench.report.model import Curve, Leaderboard
from srbench.report.people import load_opinions, with_opinions
from srbench.report.ranking import rank_rows
from srbench.report.rows import TableContext, build_rows
from srbench.report.selection import choose_seeds, load_records, select_records
from srbench.settings import Suite, expand_losses


def build_leaderboard(
    source: Iterable[Path | str | Record] | Path | str,
    opinions: Iterable[Opinions] = (),
    *,
    suite: Mapping[str, Any] | None = None,
    seeds: Iterable[int] = (),
) -> Leaderboard:
    """The leaderboard of one suite.

    Args:
        source: out folders, records, or both; several folders and machines may be given at once.
        opinions: of people, beside those that lie in the folders.
        suite: document of the only run that the records are from; read where ``source`` is one.
        seeds: those that count; by default those of the suite that half of its own rows have.

    Raises:
        RecordError: a folder without records, or a damaged record.
        MixedRecords: the records must not share a table; the message says why.
    """
    items: list[Path | str | Record] = [source] if isinstance(source, (str, Path)) else list(source)
    selected = select_records(load_records(items))
    authority = table_authority(selected, suite if suite is not None else own_suite(items))
    asked = authority.suite
    context = _context(selected, asked, tuple(sorted(set(seeds))) or table_seeds(asked, selected))
    records, beyond = choose_seeds(selected, context.seeds)
    built = build_rows(records, context)
    ranked, families = rank_rows(built, context)
    rows, heard = with_opinions(ranked, records, [*load_opinions(items), *opinions])
    return Leaderboard(
        suite=asked.name,
        suite_version=asked.version,
        suite_sha256=authority.sha256,
        document=authority.document,
        summary=asked.summary,
        track=asked.track,
        protocol=asked.protocol,
        declared_seeds=tuple(sorted(asked.seeds)),
        seeds=context.seeds,
        datasets=context.datasets,
        metrics=context.metrics,
        rank_metric=context.rank_metric,
        rank_datasets=context.rank_datasets,
        intervals=describe_intervals(context.seeds),
        rows=rows,
        families=families,
        correlations=metric_correlations(rows, context.datasets, context.metrics),
        costs=cost_lines(records),
        curves=_curves(records),
        headlines=read_headlines(records, built, context),
        notes=(*_seed_notes(asked, context, beyond), *_notes(records, asked, context), *heard),
        records=tuple(records),
        beyond=tuple(beyond),
    )


def _context(records: Sequence[Record], suite: Suite, seeds: tuple[int, ...]) -> TableContext:
    found_sets = {d for r in records for d in r.scores}
    found_metrics = metric_infos(records)
    return TableContext(
        seeds=seeds,
        datasets=tuple(name for name in suite.data.test if name in found_sets),
        metrics=tuple(found_metrics[name] for name in suite.metrics if name in found_metrics),
        expected_metrics=suite.metrics,
        expected_datasets=suite.data.test,
        rank_metric=suite.report.rank_metric,
        rank_datasets=tuple(suite.report.rank_datasets or suite.data.test),
    )


def _curves(records: Iterable[Record]) -> tuple[Curve, ...]:
    return tuple(
        Curve(
            label=r.loss.label,
            seed=r.seed,
            scale=r.content_scale,
            validation=r.validation,
            log=r.log,
        )
        for r in records
        if r.validation or r.log
    )


def _seed_notes(suite: Suite, context: TableContext, beyond: Iterable[Record]) -> Iterator[str]:
    others = sorted({record.seed for record in beyond})
    waiting = [seed for seed in sorted(suite.seeds) if seed not in {*context.seeds, *others}]
    if waiting:
        yield (
            f"The suite declares seeds {_list(sorted(suite.seeds))}; without a record so far: "
            f"{_list(waiting)}."
        )
    if others:
        yield (
            f"There are also records of seed {_list(others)}, which this table does not count: "
            "srbench report --seed N, or add them to the seeds of the suite file."
        )


def _notes(records: Sequence[Record], suite: Suite, context: TableContext) -> tuple[str, ...]:
    notes = []
    present = {record.loss.label for record in records}
    absent = [row.label for row in expand_losses(suite) if row.label not in present]
    if absent:
        notes.append(f"Losses of the suite without a record: {_list(absent)}.")
    if all(metric.name != context.rank_metric for metric in context.metrics):
        notes.append(f"No overall rank: nothing is scored by {context.rank_metric}.")
    unranked = [d for d in context.rank_datasets if d not in context.datasets]
    if unranked:
        notes.append(f"Data sets of the overall rank without scores: {_list(unranked)}.")
    devices = sorted({r.cost.device for r in records if r.cost is not None})
    if len(devices) > 1:
        notes.append(f"Run on {len(devices)} devices; costs compare only within one device.")
    return (*notes, *_left_out(records, suite))


def _left_out(records: Iterable[Record], suite: Suite) -> Iterator[str]:
    """What records hold and the table does not show."""
    scored = {(d, m) for r in records for d, s in r.scores.items() for m in s.metrics}
    names = {d for d, _ in scored} - set(suite.data.test) | {m for _, m in scored} - set(
        suite.metrics
    )
    if names:
        yield f"Left out, since the suite does not ask for it: {_list(sorted(names))}."


def _list(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)
