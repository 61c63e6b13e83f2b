"""What was checked of a row: its scores recomputed, or the row trained again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from srbench.errors import UserError
from srbench.records import record_sha256
from srbench.report.render.site.sources import Source

MARKS: Final = {
    "scores-verified": "every score was computed again from the published generators",
    "reproduced": "a maintainer trained the row again and found the same scores",
}
"""Mark -> what it means, the weaker first."""

FILE: Final = "verification.json"

_NO_MARK: Final = ("not-recomputed",)
_REFUSED: Final = "differs"


class Marks:
    """Record key -> mark. A mark may be tied to the content of the record that was checked."""

    def __init__(self, entries: Mapping[str, Any] | None = None) -> None:
        self._entries = {key: _entry(key, value) for key, value in (entries or {}).items()}

    def of(self, source: Source) -> str | None:
        """The record's mark; ``None`` where there is none, or the record has changed since.

        Raises:
            UserError: the record's scores were recomputed and differ.
        """
        mark, digest = self._entries.get(source.record.key, (None, None))
        if digest is not None and digest != record_sha256(source.record):
            return None
        if mark == _REFUSED:
            raise UserError(
                f"expected rows whose scores hold, but {FILE} says that those of {source.path} "
                "differ when they are computed again",
                "leave the record out, or correct it: srbench verify says what differs",
            )
        return mark

    def row(self, sources: Iterable[Source]) -> str:
        """What to say of a row: the weakest mark of its runs, or how many of them have one."""
        found = [self.of(source) for source in sources]
        if not any(found):
            return ""
        order = list(MARKS)
        known = [mark for mark in found if mark is not None]
        weakest = min(known, key=order.index)
        return weakest if len(known) == len(found) else f"{weakest}: {len(known)} of {len(found)}"


def _entry(key: str, value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, Mapping):
        mark, digest = value.get("mark"), value.get("record_sha256")
        mark = "reproduced" if value.get("reproduced") is True else mark
    else:
        mark, digest = value, None
    if mark in _NO_MARK:
        return None, digest
    if mark not in (*MARKS, _REFUSED):
        raise UserError(
            f"expected one of {', '.join(MARKS)} as the mark of {key[:12]}, got {mark!r:.80}"
        )
    return mark, digest


def read_marks(folder: Path) -> Marks:
    """The marks of ``folder/verification.json``: a JSON object, record key to mark.

    Instead of the mark alone an entry may be what ``srbench verify --report`` writes,
    ``{"mark": ..., "reproduced": ..., "record_sha256": ...}``: it then counts for a record of that
    very content only.

    Raises:
        UserError: the file is not such an object.
    """
    path = folder / FILE
    if not path.exists():
        return Marks()
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: expected JSON, got: {error}") from error
    if not isinstance(document, dict):
        raise UserError(f"{path}: expected an object, record key to mark")
    return Marks(document)
