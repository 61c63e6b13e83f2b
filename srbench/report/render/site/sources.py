"""Records with the place that they came from, grouped into tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.records import Record, read_record
from srbench.records.io import record_files
from srbench.report.selection import TableKey, collector_paused, table_key
from srbench.settings.load import installed_suite


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One record, its file, and the out folder that its images and generator lie in."""

    record: Record
    path: Path
    out: Path


def read_sources(folders: Iterable[Path]) -> list[Source]:
    """Every record of the given out folders (or published folders), in a stable order.

    Raises:
        RecordError: a folder holds no records, or a damaged one.
    """
    found = []
    with collector_paused():
        for folder in folders:
            found += [
                Source(record=read_record(path), path=path, out=path.parent.parent)
                for path in record_files(folder)
            ]
    return found


def tables(sources: Iterable[Source]) -> list[tuple[TableKey, list[Source]]]:
    """Sources by what shares a table: suites of this srbench before others, then the largest."""
    groups: dict[TableKey, list[Source]] = defaultdict(list)
    for source in sources:
        groups[table_key(source.record)].append(source)
    return sorted(
        groups.items(),
        key=lambda item: (not _is_shipped(item[0]), -len({*_keys(item[1])}), item[0]),
    )


def _is_shipped(key: TableKey) -> bool:
    suite = installed_suite(*key[:2])
    return suite is not None and (suite.version, suite.conditions) == key[1:3]


def _keys(sources: Sequence[Source]) -> list[str]:
    return [source.record.key for source in sources]
