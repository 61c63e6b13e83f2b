"""Reads a whole submission once: every byte counted, hashed and sniffed before it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from srbench.errors import SubmissionError, SuiteError
from srbench.files import sha256_hex
from srbench.settings.load import validate_suite
from srbench.verify.difference import printable
from srbench.verify.limits import Limits
from srbench.verify.listing import ImageKey, Listing
from srbench.verify.names import MANIFEST, SUITE
from srbench.verify.signatures import check_content
from srbench.verify.source import Source
from srbench.verify.stored import RecordFile, Records, record_file, stored_record, unchanged


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
        sha256: file name -> hash.
    """

    source: Source
    records: Records
    generators: Mapping[str, str]
    images: Mapping[ImageKey, str]
    suite: Mapping[str, Any] | None
    digest: str
    sha256: Mapping[str, str] = field(repr=False)

    def read(self, name: str) -> bytes:
        """The bytes of a file, as :func:`~srbench.verify.stored.unchanged`."""
        return unchanged(self.source, name, self.sha256)


def read_contents(source: Source, limits: Limits) -> Contents:
    """Everything in the submission, checked against its manifest where it has one.

    Raises:
        SubmissionError: hostile, damaged or incomplete.
    """
    listing = Listing(source)
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
            record = stored_record(name, data)
            listing.check_record(record)
            files.append(record_file(name, record))
        elif kind == "suite":
            suite = _suite(data)
    if not files:
        raise SubmissionError("expected records in the submission, got none")
    if suite is not None:
        listing.check_files(hashes, suite)
    kinds = source.kinds.items()
    found = Contents(
        source=source,
        records=Records(source, files, hashes),
        generators={hashes[name]: name for name, kind in kinds if kind == "generator"},
        images=listing.images(),
        suite=suite,
        digest=sha256_hex("".join(sorted(file.sha256 for file in files))),
        sha256=hashes,
    )
    _check_strays(found)
    return found


def _check_strays(found: Contents) -> None:
    """Generators and images that belong to no record."""
    wanted = {a.sha256 for file in found.records.files.values() for a in file.generators}
    if stray := sorted(set(found.generators) - wanted):
        raise SubmissionError(
            f"the generator {stray[0][:12]} belongs to none of the records, which name others: it "
            "was swapped, or the records were"
        )
    kinds = found.source.kinds
    files = {found.sha256[name] for name, kind in kinds.items() if kind == "image"}
    if stray := sorted(files ^ set(found.images.values())):
        raise SubmissionError(
            f"{MANIFEST} and images/ do not agree about the image {stray[0][:12]}"
        )


def _suite(data: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] = from_json(data, allow_inf_nan=False)
        validate_suite(document, SUITE)
    except SuiteError as error:
        raise SubmissionError(printable(error.what)) from error
    except ValueError as error:
        raise SubmissionError(f"{SUITE}: expected JSON, got: {error!s:.200}") from error
    return document
