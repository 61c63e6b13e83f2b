"""``verification.json``: which mark each published record has, and why. Never a date in it.

A mark belongs to the exact record whose ``record_sha256`` stands beside it. ``scores-verified`` is
given by :func:`srbench.verify.verify_submission`; ``reproduced`` only by the outcome of a
``srbench reproduce`` that a maintainer ran, since a generator trained on the test set verifies too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from srbench import __version__
from srbench.errors import UserError
from srbench.files import write_atomic
from srbench.strict import Strict
from srbench.verify.check import Verification

MAX_BYTES: Final = 64 << 20


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
        outcome = Reproduced.model_validate(from_json(path.read_bytes()))
    except (OSError, ValidationError, ValueError) as error:
        raise UserError(
            f"expected the JSON outcome of srbench reproduce in {path}, got: {error!s:.200}", fix
        ) from error
    if outcome.comparison is None:
        raise UserError(f"expected a finished reproduction in {path}, got a dry run", fix)
    return outcome


def merge_marks(
    verification: Verification, reproduced: Iterable[Reproduced], before: dict[str, Any]
) -> dict[str, Any]:
    """Record key -> entry, for all records of the verification.

    A row that was not recomputed this time keeps the mark of ``before`` if that was given to the
    same bytes, and so does ``reproduced``. Differences are never kept away.

    Args:
        verification: of all records of the folder or archive.
        reproduced: outcomes to add.
        before: an earlier document, or empty.

    Raises:
        UserError: a reproduction of a record that is not there, or of other content.
    """
    entries: dict[str, Any] = {}
    for row in verification.rows:
        entry = {**row.document(), "srbench": __version__}
        old = before.get(row.record.key)
        if isinstance(old, dict) and old.get("record_sha256") == entry["record_sha256"]:
            entry["reproduced"] = old.get("reproduced") is True
            if row.mark == "not-recomputed" and old.get("mark") == "scores-verified":
                entry = {**old, "reproduced": entry["reproduced"]}
        entries[row.record.key] = entry
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


def read_marks(path: Path) -> dict[str, Any]:
    """The document in ``path``; empty where there is no file yet.

    Raises:
        UserError: the file is no such document.
    """
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"expected verification.json, got {path}: {error!s:.200}") from error
    if not isinstance(document, dict):
        raise UserError(f"expected a JSON object in {path}, got {type(document).__name__}")
    return document


def write_marks(path: Path, entries: dict[str, Any]) -> Path:
    """Write the document atomically; equal marks are equal bytes."""
    text = json.dumps(entries, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return write_atomic(path, text + "\n")
