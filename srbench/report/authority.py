"""The suite that a table is of. What single records say beyond it moves no other row.

Its seeds, metrics, heading, rank rules and words are those of the suite that this srbench ships;
of a suite that nobody ships, those of the out folder it was run in, or else of most records.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from srbench.errors import SuiteError
from srbench.files import read_regular
from srbench.records import Record, RowKind
from srbench.records.layout import OutFolder
from srbench.settings import RESERVED_LABELS, Suite, expand_losses
from srbench.settings.load import MAX_BYTES, installed_suite, validate_suite


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """What a table asks of its rows.

    Attributes:
        suite: whose seeds, metrics, words and rank rules hold.
        document: that suite as data, for pages.
        sha256: the hash by which most records name it.
    """

    suite: Suite
    document: Mapping[str, Any]
    sha256: str


def table_authority(records: Sequence[Record], own: Mapping[str, Any] | None = None) -> Authority:
    """The authority over records that share suite, version and conditions.

    Args:
        own: ``suite.json`` of the only out folder that the records are from.
    """
    first = records[0].suite
    sha256 = _most_common(record.suite.sha256 for record in records)
    candidates = (
        None if own is None else validate_suite(dict(own)),
        installed_suite(first.name, first.version),
    )
    for suite in candidates:
        if suite is not None and (suite.version, suite.conditions) == (
            first.version,
            first.conditions,
        ):
            document = suite.model_dump(mode="json", by_alias=True)
            return Authority(suite=suite, document=document, sha256=sha256)
    texts = {id(r.suite.document): json.dumps(r.suite.document, sort_keys=True) for r in records}
    most = _most_common(texts[id(record.suite.document)] for record in records)
    document = next(r.suite.document for r in records if texts[id(r.suite.document)] == most)
    suite = validate_suite(document, f"suite of record {records[0].key[:12]}")
    return Authority(suite=suite, document=document, sha256=sha256)


def own_suite(folders: Iterable[Path | str | Record]) -> Mapping[str, Any] | None:
    """``suite.json`` of the only out folder among the sources; ``None`` where there are more."""
    found = list(folders)
    if len(found) != 1 or isinstance(found[0], Record):
        return None
    path = OutFolder(Path(found[0])).suite
    if not path.is_file():
        return None
    try:
        document = from_json(read_regular(path, MAX_BYTES))
    except (OSError, ValueError) as error:
        raise SuiteError(f"{path}: expected the suite of a run, got: {error!s:.200}") from error
    return document if isinstance(document, dict) else None


def table_seeds(suite: Suite, records: Sequence[Record]) -> tuple[int, ...]:
    """The suite's seeds that at least half of its own rows have a record of.

    A row that was added to the suite's own cannot bring a seed that all others then lack. Where no
    record has a seed of the suite (``--seed``), any seed counts that half of the rows have.
    """
    trained = [r for r in records if r.loss.kind is RowKind.TRAINED]
    seeds: dict[str, set[int]] = {}
    for record in trained or records:
        seeds.setdefault(record.loss.label, set()).add(record.seed)
    listed = {*RESERVED_LABELS, *(row.label for row in expand_losses(suite))}
    votes = [found for label, found in seeds.items() if label in listed] or list(seeds.values())
    count = Counter(seed for found in votes for seed in found)
    most = {seed for seed, voters in count.items() if 2 * voters >= len(votes)}
    return tuple(sorted(most & set(suite.seeds) or most - set(suite.seeds)))


def _most_common(values: Iterable[str]) -> str:
    return Counter(values).most_common(1)[0][0]
