"""The records of a submission: what the rows need of each other, and one whole in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from srbench.errors import RecordError, SubmissionError
from srbench.files import sha256_hex
from srbench.records import Artifact, Record, RowKind, parse_record, record_sha256
from srbench.verify.difference import printable
from srbench.verify.source import Source

SuiteKey = tuple[str, int, str]
"""(suite, version, protocol): rows of one table."""


def suite_key(record: Record) -> SuiteKey:
    """Which rows a record stands beside."""
    return (record.suite.name, record.suite.version, record.protocol)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordFile:
    """A record that is read again when its row is verified: what the others need to know of it."""

    name: str
    key: str
    sha256: str
    suite: SuiteKey
    label: str
    kind: RowKind
    seed: int
    scale: float
    generators: tuple[Artifact, ...]


def record_file(name: str, record: Record) -> RecordFile:
    """What is kept of ``record``, which the file ``name`` holds."""
    return RecordFile(
        name=name,
        key=record.key,
        sha256=record_sha256(record),
        suite=suite_key(record),
        label=record.loss.label,
        kind=record.loss.kind,
        seed=record.seed,
        scale=record.content_scale,
        generators=record.generators,
    )


class Records(Mapping[str, Record]):
    """Records by key, sorted; each is read anew when it is asked for, so that one is in memory."""

    def __init__(
        self, source: Source, files: Iterable[RecordFile], hashes: Mapping[str, str]
    ) -> None:
        self._source = source
        self._hashes = hashes
        self.files = {file.key: file for file in sorted(files, key=lambda file: file.key)}

    def __getitem__(self, key: str) -> Record:
        name = self.files[key].name
        return stored_record(name, unchanged(self._source, name, self._hashes))

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def stored_record(name: str, data: bytes) -> Record:
    """The record in the bytes of the file ``name``.

    Raises:
        SubmissionError: it is none, or one of another key.
    """
    try:
        record = parse_record(data, name)
    except RecordError as error:
        raise SubmissionError(printable(error.what), error.fix) from error
    if name != f"records/{record.key}.json":
        raise SubmissionError(f"{name} holds the record of another key, {record.key[:12]}...")
    return record


def unchanged(source: Source, name: str, hashes: Mapping[str, str]) -> bytes:
    """The bytes of a file, which must still be those that were hashed.

    Raises:
        SubmissionError: it changed while it was verified.
    """
    data = source.read(name)
    if sha256_hex(data) != hashes[name]:
        raise SubmissionError(f"{name!r:.120} changed while it was being verified")
    return data
