"""Reads a whole submission once: every byte counted, hashed and sniffed before it is believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from srbench.errors import RecordError, SubmissionError, SuiteError
from srbench.files import sha256_hex
from srbench.records import (
    Artifact,
    Record,
    RowKind,
    parse_record,
    record_sha256,
    states_conditions,
)
from srbench.settings.load import validate_suite
from srbench.verify.difference import printable
from srbench.verify.limits import Limits
from srbench.verify.manifest import Manifest, SubmittedFile, SubmittedImage, parse_manifest
from srbench.verify.names import MANIFEST, SUITE
from srbench.verify.signatures import check_content
from srbench.verify.source import Source

ImageKey = tuple[str, str, str]
"""(record key, data set, image name)."""


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
        return _record(name, _unchanged(self._source, name, self._hashes))

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """A submission whose files are what they say.

    Attributes:
        source: for reading a file again; :meth:`read` checks it anew.
        records: by their key, sorted.
        generators: sha256 -> file name.
        images: SR images that were submitted -> sha256.
        suite: the document of its suite.json; ``None`` for a published folder.
        digest: over all records.
    """

    source: Source
    records: Records
    generators: Mapping[str, str]
    images: Mapping[ImageKey, str]
    suite: Mapping[str, Any] | None
    digest: str
    sha256: Mapping[str, str] = field(repr=False)

    def read(self, name: str) -> bytes:
        """The bytes of a file, which must still be those that were hashed.

        Raises:
            SubmissionError: it changed while it was verified.
        """
        return _unchanged(self.source, name, self.sha256)


def _unchanged(source: Source, name: str, hashes: Mapping[str, str]) -> bytes:
    data = source.read(name)
    if sha256_hex(data) != hashes[name]:
        raise SubmissionError(f"{name!r:.120} changed while it was being verified")
    return data


def read_contents(source: Source, limits: Limits) -> Contents:
    """Everything in the submission, checked against its manifest where it has one.

    Raises:
        SubmissionError: hostile, damaged or incomplete.
    """
    manifest = parse_manifest(source.read(MANIFEST)) if source.strict else None
    if manifest is not None:
        _check_listing(manifest, source)
    images = _Images(manifest)
    hashes: dict[str, str] = {}
    files: list[RecordFile] = []
    suite: dict[str, Any] | None = None
    total = records_total = 0
    for name, kind in source.kinds.items():
        data = source.read(name)
        total += len(data)
        records_total += len(data) if kind == "record" else 0
        if total > limits.total_bytes or records_total > limits.record_bytes:
            raise SubmissionError(
                f"expected a submission of at most {limits.total_bytes:,} bytes, of which "
                f"{limits.record_bytes:,} are records, got more"
            )
        check_content(name, kind, data)
        hashes[name] = sha256_hex(data)
        if kind == "record":
            record = _record(name, data)
            _check_record(manifest, record)
            images.check(record)
            files.append(_file(name, record))
        elif kind == "suite":
            suite = _suite(data)
    if not files:
        raise SubmissionError("expected records in the submission, got none")
    if manifest is not None:
        _check_hashes(manifest.files, hashes, source)
        _check_suite(manifest, suite)
    found = Contents(
        source=source,
        records=Records(source, files, hashes),
        generators=_generators(source, hashes),
        images=images.all_checked(),
        suite=suite,
        digest=sha256_hex("".join(sorted(file.sha256 for file in files))),
        sha256=hashes,
    )
    _check_generators(found)
    _check_images(found)
    return found


def _file(name: str, record: Record) -> RecordFile:
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


class _Images:
    """The images that a manifest lists, each checked when its record is read."""

    def __init__(self, manifest: Manifest | None) -> None:
        self._waiting: dict[str, list[SubmittedImage]] = {}
        self._checked: dict[ImageKey, str] = {}
        for item in manifest.images if manifest is not None else ():
            self._waiting.setdefault(item.record, []).append(item)

    def check(self, record: Record) -> None:
        """Take those of one record.

        Raises:
            SubmissionError: it has no such image, or one twice.
        """
        for item in self._waiting.pop(record.key, ()):
            scores = record.scores.get(item.dataset)
            if scores is None or item.image not in scores.images:
                raise _no_scores(item)
            key = (item.record, item.dataset, item.image)
            if key in self._checked:
                raise SubmissionError(f"{MANIFEST} lists the image {item.image!r:.80} twice")
            self._checked[key] = item.sha256

    def all_checked(self) -> dict[ImageKey, str]:
        """All of them, none of a record that is not there.

        Raises:
            SubmissionError: one whose record is not there.
        """
        for items in self._waiting.values():
            raise _no_scores(items[0])
        return self._checked


def _no_scores(item: SubmittedImage) -> SubmissionError:
    return SubmissionError(
        f"{MANIFEST} lists an image {item.image!r:.80} of {item.dataset!r:.80}, for which the "
        f"record {item.record[:12]} has no scores"
    )


def _check_listing(manifest: Manifest, source: Source) -> None:
    listed = [file.path for file in manifest.files]
    if len(set(listed)) != len(listed):
        raise SubmissionError(f"{MANIFEST} lists a file twice")
    there = set(source.kinds) - {MANIFEST}
    if extra := sorted(there - set(listed)):
        raise SubmissionError(f"the submission's file {extra[0]} is not listed in {MANIFEST}")
    if missing := sorted(set(listed) - there):
        raise SubmissionError(f"{MANIFEST} lists {missing[0]!r:.120}, which is not there")
    if SUITE not in there:
        raise SubmissionError(f"expected {SUITE} in the submission, got none")


def _check_hashes(
    files: Iterable[SubmittedFile], hashes: Mapping[str, str], source: Source
) -> None:
    for file in files:
        if hashes[file.path] != file.sha256:
            raise SubmissionError(
                f"{file.path} does not have the sha256 that {MANIFEST} states: it was changed "
                "after packing",
                "submit the file that `srbench submit` wrote, unchanged",
            )
        if source.kinds[file.path] in ("generator", "image") and file.sha256 not in file.path:
            raise SubmissionError(f"{file.path} is named by another sha256 than its own")


def _check_suite(manifest: Manifest, suite: Mapping[str, Any] | None) -> None:
    assert suite is not None
    carried = manifest.suite
    if (carried.name, carried.version) != (suite["name"], suite["version"]):
        raise SubmissionError(
            f"{SUITE} is {suite['name']} version {suite['version']}, {MANIFEST} says "
            f"{carried.name!r:.80} version {carried.version}"
        )
    if not states_conditions(carried.sha256, suite):
        raise SubmissionError(
            f"{SUITE} has another hash than the {carried.sha256[:12]} that {MANIFEST} says"
        )


def _check_record(manifest: Manifest | None, record: Record) -> None:
    if manifest is None:
        return
    found, carried = record.suite, manifest.suite
    if (found.name, found.version) != (carried.name, carried.version):
        raise SubmissionError(
            f"the record {record.key[:12]} is of suite {found.name!r:.80} version "
            f"{found.version}, the submission of {carried.name!r:.80} version {carried.version}",
            "a submission holds records of one suite and version",
        )


def _check_generators(found: Contents) -> None:
    wanted = {a.sha256 for file in found.records.files.values() for a in file.generators}
    if stray := sorted(set(found.generators) - wanted):
        raise SubmissionError(
            f"the generator {stray[0][:12]} belongs to none of the records, which name others: it "
            "was swapped, or the records were"
        )


def _check_images(found: Contents) -> None:
    kinds = found.source.kinds
    files = {found.sha256[name] for name, kind in kinds.items() if kind == "image"}
    if stray := sorted(files ^ set(found.images.values())):
        raise SubmissionError(
            f"{MANIFEST} and images/ do not agree about the image {stray[0][:12]}"
        )


def _generators(source: Source, hashes: Mapping[str, str]) -> dict[str, str]:
    return {hashes[name]: name for name, kind in source.kinds.items() if kind == "generator"}


def _record(name: str, data: bytes) -> Record:
    try:
        record = parse_record(data, name)
    except RecordError as error:
        raise SubmissionError(printable(error.what), error.fix) from error
    if name != f"records/{record.key}.json":
        raise SubmissionError(f"{name} holds the record of another key, {record.key[:12]}...")
    return record


def _suite(data: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] = from_json(data, allow_inf_nan=False)
        validate_suite(document, SUITE)
    except SuiteError as error:
        raise SubmissionError(printable(error.what)) from error
    except ValueError as error:
        raise SubmissionError(f"{SUITE}: expected JSON, got: {error!s:.200}") from error
    return document
