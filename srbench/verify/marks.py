"""``verification.json``: which mark each published record has, and why. Never a date in it.

A mark belongs to the exact record whose ``record_sha256`` stands beside it. ``scores-verified`` is
given by :func:`srbench.verify.verify_submission`; ``reproduced`` only by the outcome of a
``srbench reproduce`` that a maintainer ran, since a generator trained on the test set verifies too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from srbench import __version__
from srbench.errors import UserError
from srbench.files import read_regular, write_atomic
from srbench.records.marks import MAX_BYTES, Mark
from srbench.strict import Strict
from srbench.verify.result import RowResult, Verification


class Comparison(BaseModel):
    """The part of ``srbench reproduce --json`` that decides."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    same: bool


class Reproduced(Strict):
    """The outcome of one ``srbench reproduce RECORD --json``."""

    record: str
    record_sha256: str
    differences: tuple[str, ...]
    comparison: Comparison | None


def read_reproduced(path: Path) -> Reproduced:
    """A file that ``srbench reproduce RECORD --json`` wrote.

    Raises:
        UserError: it is none, or of a dry run.
    """
    fix = "srbench reproduce RECORD --json > FILE"
    try:
        outcome = Reproduced.model_validate(from_json(read_regular(path, MAX_BYTES)))
    except (OSError, ValidationError, ValueError) as error:
        raise UserError(
            f"expected the JSON outcome of srbench reproduce in {path}, got: {error!s:.200}", fix
        ) from error
    if outcome.comparison is None:
        raise UserError(f"expected a finished reproduction in {path}, got a dry run", fix)
    return outcome


def merge_marks(
    verification: Verification, reproduced: Iterable[Reproduced], before: Mapping[str, Mark]
) -> dict[str, Any]:
    """Record key -> entry, for all records of the verification.

    A row that was not recomputed this time keeps the mark of ``before`` if that was given to the
    same bytes, and so does ``reproduced``. Differences are never kept away.

    Args:
        verification: of all records of the folder or archive.
        reproduced: outcomes to add.
        before: the marks of an earlier document, or empty.

    Raises:
        UserError: a reproduction of a record that is not there, or of other content.
    """
    entries = {row.facts.key: _entry(row, before.get(row.facts.key)) for row in verification.rows}
    for outcome in reproduced:
        found = entries.get(outcome.record)
        if found is None or found["record_sha256"] != outcome.record_sha256:
            raise UserError(
                f"expected a reproduction of a record that is here, got one of "
                f"{outcome.record[:12]!r}, which is not here or has other content"
            )
        assert outcome.comparison is not None
        found["reproduced"] = outcome.comparison.same
    return dict(sorted(entries.items()))


def _entry(row: RowResult, old: Mark | None) -> dict[str, Any]:
    entry = {**row.document(), "srbench": __version__}
    if old is not None and old.record_sha256 == entry["record_sha256"]:
        entry["reproduced"] = old.reproduced
        if row.mark == "not-recomputed" and old.mark == "scores-verified":
            return old.model_dump()
    return entry


def verified_rows(marks: Mapping[str, Mark]) -> dict[str, str]:
    """Record key -> SHA-256 of the record's bytes, of the rows that are marked as verified."""
    return {
        key: mark.record_sha256
        for key, mark in marks.items()
        if mark.mark in ("scores-verified", "reproduced") and mark.record_sha256
    }


class MarksFile:
    """Writes the mark of each row when it is found: a verification may take hours, and be ended.

    Args:
        path: rewritten with each mark that recomputing gave.
        before: its marks.
    """

    def __init__(self, path: Path, before: Mapping[str, Mark]) -> None:
        self._path = path
        self._before = before
        self._entries: dict[str, Any] = {key: mark.model_dump() for key, mark in before.items()}

    def add(self, row: RowResult) -> None:
        """Called with each row in turn."""
        if row.mark != "not-recomputed":
            self._entries[row.facts.key] = _entry(row, self._before.get(row.facts.key))
            with contextlib.suppress(OSError):  # the last write tells, after the verdict
                write_marks(self._path, self._entries)


def write_marks(path: Path, entries: dict[str, Any]) -> Path:
    """Write the document atomically; equal marks are equal bytes."""
    text = json.dumps(entries, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return write_atomic(path, text + "\n")
