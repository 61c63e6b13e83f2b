"""What was checked of a row: its scores recomputed, or the row trained again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from srbench.errors import UserError
from srbench.report.site.sources import Source

MARKS: Final = {
    "scores-verified": "every score was computed again from the published generators",
    "reproduced": "a maintainer trained the row again and found the same scores",
}
"""Mark -> what it means, the weaker first."""

FILE: Final = "verification.json"


class Marks:
    """Record key -> mark. A mark may be tied to the bytes of the record that was checked."""

    def __init__(self, entries: Mapping[str, Any] | None = None) -> None:
        self._entries: dict[str, tuple[str, str | None]] = {}
        for key, entry in (entries or {}).items():
            mark = entry.get("mark") if isinstance(entry, Mapping) else entry
            digest = entry.get("record_sha256") if isinstance(entry, Mapping) else None
            if mark not in MARKS:
                raise UserError(
                    f"expected one of {', '.join(MARKS)} as the mark of {key[:12]}, got {mark!r}"
                )
            self._entries[key] = (mark, digest)

    def of(self, source: Source) -> str | None:
        """The record's mark; ``None`` where there is none, or the record has changed since."""
        mark, digest = self._entries.get(source.record.key, (None, None))
        if digest is not None and digest != hashlib.sha256(source.path.read_bytes()).hexdigest():
            return None
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


def read_marks(folder: Path) -> Marks:
    """The marks of ``folder/verification.json``: a JSON object, record key to mark.

    Instead of the mark alone an entry may be ``{"mark": ..., "record_sha256": ...}``: it then
    counts for that very file only.

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
