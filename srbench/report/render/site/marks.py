"""What was checked of a row: its scores recomputed, or the row trained again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from srbench.errors import UserError
from srbench.records import record_sha256
from srbench.records.marks import FILE, Mark
from srbench.report.render.site.sources import Source

MARKS: Final = {
    "scores-verified": "every score was computed again from the published generators; how "
    "and how often they were trained, and the logs, are taken on trust",
    "reproduced": "a maintainer trained the row again and found the same scores",
}
"""Mark -> what it means, the weaker first."""


class Marks:
    """The marks of the records that are published."""

    def __init__(self, entries: Mapping[str, Mark]) -> None:
        self._entries = entries

    def of(self, source: Source) -> str | None:
        """The record's mark; ``None`` where there is none, or the record has changed since.

        Raises:
            UserError: the record's scores were recomputed and differ.
        """
        entry = self._entries.get(source.record.key)
        if entry is None:
            return None
        if entry.record_sha256 not in (None, record_sha256(source.record)):
            return None
        if entry.reproduced:
            return "reproduced"
        if entry.mark == "differs":
            raise UserError(
                f"expected rows whose scores hold, but {FILE} says that those of {source.path} "
                "differ when they are computed again",
                "leave the record out, or correct it: srbench verify says what differs",
            )
        return entry.mark if entry.mark in MARKS else None

    def row(self, sources: Iterable[Source]) -> str:
        """What to say of a row: the weakest mark of its runs, or how many of them have one."""
        found = [self.of(source) for source in sources]
        if not any(found):
            return ""
        order = list(MARKS)
        known = [mark for mark in found if mark is not None]
        weakest = min(known, key=order.index)
        return weakest if len(known) == len(found) else f"{weakest}: {len(known)} of {len(found)}"
