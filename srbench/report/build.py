"""From records to a leaderboard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from srbench.records import Record
from srbench.records.opinions import Opinions
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
from srbench.settings.load import validate_suite


def build_leaderboard(
    source: Iterable[Path | str | Record] | Path | str,
    opinions: Iterable[Opinions] = (),
    *,
    seeds: Iterable[int] = (),
) -> Leaderboard:
    """The leaderboard of one suite.

    Args:
        source: out folders, records, or both; several folders and machines may be given at once.
        opinions: of people, beside those that lie in the folders.
        seeds: those that count; by default those that the suite declares.

    Raises:
        RecordError: a folder without records, or a damaged record.
        MixedRecords: the records must not share a table; the message says why.
    """
    if isinstance(source, (str, Path)):
        source = [source]
    items = list(source)
    records = select_records(load_records(items))
    suites = _suites_of(records)
    suite = suites[0]
    declared = sorted({seed for s in suites for seed in s.seeds})
    records, others = choose_seeds(records, declared, seeds)
    context = _context(records, suites)
    built = build_rows(records, context)
    ranked, families = rank_rows(built, context)
    rows, heard = with_opinions(ranked, records, [*load_opinions(items), *opinions])
    return Leaderboard(
        suite=records[0].suite.name,
        suite_version=records[0].suite.version,
        suite_sha256=records[0].suite.sha256,
        summary=suite.summary,
        track=records[0].suite.track,
        protocol=records[0].protocol,
        declared_seeds=tuple(declared),
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
        notes=(
            *_seed_notes(declared, context.seeds, others),
            *_notes(records, suites, context),
            *heard,
        ),
        records=tuple(records),
    )


def _suites_of(records: Sequence[Record]) -> list[Suite]:
    """The distinct suite documents behind the records, the most common first.

    Under one hash they may differ in losses, seeds, metrics and words: none of these changes what
    a score means, and rows are added over time.
    """
    found: list[tuple[dict[str, object], list[Record]]] = []
    for record in records:
        for document, having in found:
            if document == record.suite.document:
                having.append(record)
                break
        else:
            found.append((record.suite.document, [record]))
    found.sort(key=lambda item: -len(item[1]))
    return [
        validate_suite(document, f"suite of record {having[0].key[:12]}")
        for document, having in found
    ]


def _context(records: Sequence[Record], suites: Sequence[Suite]) -> TableContext:
    suite = suites[0]
    metrics = tuple(dict.fromkeys(name for s in suites for name in s.metrics))
    found_sets = dict.fromkeys(d for r in records for d in r.scores)
    found_metrics = metric_infos(records)
    datasets = _ordered(suite.data.test, found_sets)
    names = _ordered(metrics, found_metrics)
    seeds = sorted({r.seed for r in records if r.loss.terms}) or sorted({r.seed for r in records})
    rank_datasets = tuple(suite.report.rank_datasets or suite.data.test)
    return TableContext(
        seeds=tuple(seeds),
        datasets=datasets,
        metrics=tuple(found_metrics[name] for name in names),
        expected_metrics=metrics,
        expected_datasets=suite.data.test,
        rank_metric=suite.report.rank_metric,
        rank_datasets=rank_datasets,
    )


def _ordered(declared: Iterable[str], found: Iterable[str]) -> tuple[str, ...]:
    known = list(found)
    first = [name for name in declared if name in known]
    return tuple(first + [name for name in known if name not in first])


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


def _seed_notes(
    declared: Sequence[int], counted: Sequence[int], others: Sequence[int]
) -> Iterator[str]:
    waiting = [seed for seed in declared if seed not in {*counted, *others}]
    if waiting:
        yield (
            f"The suite declares seeds {_list(declared)}; without a record so far: "
            f"{_list(waiting)}."
        )
    if others:
        yield (
            f"There are also records of seed {_list(others)}, which this table does not count: "
            "srbench report --seed N, or add them to the seeds of the suite file."
        )


def _notes(
    records: Sequence[Record], suites: Sequence[Suite], context: TableContext
) -> tuple[str, ...]:
    notes = []
    present = {record.loss.label for record in records}
    wanted = dict.fromkeys(row.label for suite in suites for row in expand_losses(suite))
    absent = [label for label in wanted if label not in present]
    if absent:
        notes.append(f"Losses of the suite without a record: {_list(absent)}.")
    if any(suite.report != suites[0].report for suite in suites):
        notes.append("The records disagree on the suite's [report] section; the most common holds.")
    if all(metric.name != context.rank_metric for metric in context.metrics):
        notes.append(f"No overall rank: nothing is scored by {context.rank_metric}.")
    unranked = [d for d in context.rank_datasets if d not in context.datasets]
    if unranked:
        notes.append(f"Data sets of the overall rank without scores: {_list(unranked)}.")
    unscorable = {
        f"{metric} cannot score {dataset}: {reason}."
        for record in records
        for dataset, scores in record.scores.items()
        for metric, reason in scores.unscorable.items()
    }
    notes += sorted(unscorable)
    devices = sorted({r.cost.device for r in records if r.cost is not None})
    if len(devices) > 1:
        notes.append(f"Run on {len(devices)} devices; costs compare only within one device.")
    return tuple(notes)


def _list(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)
