"""Which records may share a table, and which of two copies counts."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from srbench.errors import MixedRecords
from srbench.records import Record, read_records
from srbench.records.copies import same_images

Identity = tuple[str, int, float]
"""(label, seed, content scale)."""
TableKey = tuple[str, int, str, str, str]
"""(suite, version, hash, track, protocol): what shares a table."""

_WHY = {
    "suite": "every suite has its own table",
    "suite version": "another version of a suite trains under other settings",
    "suite hash": "the same name and version with other contents trains under other settings",
    "track": "calibrated and raw losses are weighted by different rules",
    "protocol": "two protocols give different scores to the same image",
}


def load_records(source: Iterable[Path | str | Record]) -> list[Record]:
    """Records from out folders, or as they are; the two may be mixed.

    Raises:
        RecordError: a folder holds no records, or a damaged one.
    """
    records: list[Record] = []
    with collector_paused():
        for item in source:
            if isinstance(item, Record):
                records.append(item)
            else:
                records.extend(read_records([Path(item)]))
    return records


@contextmanager
def collector_paused() -> Iterator[None]:
    """Read many records without the garbage collector looking on."""
    # Thousands of records make millions of objects and no garbage cycles: looking for cycles
    # again and again doubles the time of reading.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def table_key(record: Record) -> TableKey:
    """Which table the record stands in."""
    suite = record.suite
    return (suite.name, suite.version, suite.conditions, suite.track, record.protocol)


def split_by_table(records: Iterable[Record]) -> dict[TableKey, list[Record]]:
    """Records by what shares a table, in order of suite names and versions."""
    tables: dict[TableKey, list[Record]] = defaultdict(list)
    for record in records:
        tables[table_key(record)].append(record)
    return dict(sorted(tables.items()))


def select_records(records: Sequence[Record]) -> list[Record]:
    """Refuse what must not share a table, then drop copies; sorted by label, scale and seed.

    A finished run supersedes a failed one of the same label, seed and scale. Of one row that two
    machines scored the record that comes first counts: name the published folder first.

    Raises:
        MixedRecords: another suite, version, hash, track or protocol; another version of a
            metric; other test images under one data set name; two runs of one (label, seed,
            scale) that disagree.
    """
    if not records:
        raise MixedRecords("expected at least one record, got none", "run a suite first")
    _same(records, "suite", lambda r: r.suite.name)
    _same(records, "suite version", lambda r: r.suite.version)
    _same(records, "suite hash", lambda r: r.suite.conditions[:12])
    _same(records, "track", lambda r: r.suite.track)
    _same(records, "protocol", lambda r: r.protocol)
    kept = _without_copies(records)
    _same_images(kept)
    _same_metrics(kept)
    return kept


def choose_seeds(
    records: Sequence[Record], counted: Iterable[int]
) -> tuple[list[Record], list[Record]]:
    """The records of the seeds that count in a table, and those of others."""
    seeds = set(counted)
    inside: list[Record] = []
    beyond: list[Record] = []
    for record in records:
        stands = not record.loss.kind.generated or record.seed in seeds
        (inside if stands else beyond).append(record)
    return inside, beyond


def _same(records: Sequence[Record], what: str, value: Callable[[Record], object]) -> None:
    counts: dict[str, int] = defaultdict(int)
    for record in records:
        counts[str(value(record))] += 1
    if len(counts) > 1:
        found = ", ".join(f"{name!r} ({count} records)" for name, count in sorted(counts.items()))
        raise MixedRecords(
            f"expected records of one {what} in a table, got {found}: {_WHY[what]}",
            "report the folders separately, or choose one suite hash with --suite",
        )


def _without_copies(records: Sequence[Record]) -> list[Record]:
    kept: dict[Identity, Record] = {}
    for record in records:
        label = record.loss.label
        # One record of a row that no seed changes stands for all of them.
        seed = record.seed if record.loss.kind.generated else 0
        identity = (label, seed, record.content_scale)
        other = kept.get(identity)
        kept[identity] = record if other is None else _choose(other, record)
    return [kept[key] for key in sorted(kept)]


def _choose(first: Record, second: Record) -> Record:
    if first.status == "failed" or second.status == "failed":
        return second if first.status == "failed" else first
    one_curve = first.curve == second.curve or not first.curve or not second.curve
    if first.scores == second.scores and first.status == second.status and one_curve:
        return min(first, second, key=lambda r: (-len(r.curve), r.key))
    if same_images(first, second):  # scored on two machines: no average, the one named first
        return second if second.curve and not first.curve else first
    raise MixedRecords(
        f"expected one run of {first.loss.label!r} with seed {first.seed} at content scale "
        f"{first.content_scale:g}, got two that disagree: {_told(first)} and {_told(second)}",
        "a plugin or library changed between them, or their warm starts are not the same: report "
        "their folders separately, or delete the stale file in records/; a row to stand beside "
        "published ones is trained with `srbench run --starts`",
    )


def _told(record: Record) -> str:
    made = record.artifacts.get("generator")
    return f"{record.key[:12]}" + (f" (generator {made.sha256[:12]})" if made else "")


def _same_images(records: Sequence[Record]) -> None:
    seen: dict[str, Record] = {}
    for record in records:
        for dataset, scores in record.scores.items():
            first = seen.setdefault(dataset, record)
            known = first.scores[dataset]
            if known.manifest_sha256 != scores.manifest_sha256 or set(known.images) != set(
                scores.images
            ):
                raise MixedRecords(
                    f"expected one set of images under the name {dataset!r}, got "
                    f"{known.manifest_sha256[:12]} ({first.loss.label}, seed {first.seed}) and "
                    f"{scores.manifest_sha256[:12]} ({record.loss.label}, seed {record.seed})",
                    "score all of them on the same files: `srbench data verify`",
                )


def _same_metrics(records: Sequence[Record]) -> None:
    seen: dict[str, tuple[int, bool]] = {}
    for record in records:
        for scores in record.scores.values():
            for name, metric in scores.metrics.items():
                this = (metric.version, metric.lower_is_better)
                known = seen.setdefault(name, this)
                if known != this:
                    raise MixedRecords(
                        f"expected one version of metric {name!r} in a table, got {known[0]} and "
                        f"{this[0]}: their scores do not compare",
                        "run the suite again: only the scoring is repeated",
                    )
