"""Which records are still what their sources make of them: told by file times, without reading."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import srbench
from srbench.records.layout import OutFolder
from srbench.run.plan.planning import Cell, Plan
from srbench.run.plan.rows import Row, loss_info
from srbench.run.plan.targets import Target
from srbench.run.writing import read_json, write_json
from srbench.settings.canonical import content_key

FORMAT = 1

State = list[int] | None


class Sources:
    """What each record was made from, kept in ``.sources.json`` in the out folder."""

    def __init__(self, plan: Plan, out: OutFolder) -> None:
        self._out = out
        self._path = out.root / ".sources.json"
        self._common = content_key(
            {
                "format": FORMAT,
                "srbench": srbench.__version__,
                "suite": plan.suite.model_dump(mode="json", by_alias=True),
                "device": plan.device,
                "threads": plan.threads,
                "leaks": plan.inputs.leaks,
                "unscorable": sorted([*k, v] for k, v in plan.inputs.unscorable.items()),
            }
        )
        self._rows: dict[str, str] = {}
        document = read_json(self._path)
        self._known: dict[str, str] = document if isinstance(document, dict) else {}
        self._changed = False

    def unchanged(self, record: Path, cell: Cell, found: Iterable[Target]) -> bool:
        """Whether the record, and all that it was made from, is as when it was written."""
        known = self._known.get(record.stem)
        return known is not None and known == self._digest(record, cell, found)

    def note(self, record: Path, cell: Cell, found: Iterable[Target]) -> None:
        """Remember the sources of a record that was just written."""
        self._known[record.stem] = self._digest(record, cell, found)
        self._changed = True

    def save(self) -> None:
        """Keep what was noted."""
        if self._changed:
            write_json(self._path, self._known)

    def _digest(self, record: Path, cell: Cell, found: Iterable[Target]) -> str:
        files: list[Any] = [_state(record)]
        if cell.training is not None:
            files.append(_state(self._out.result(cell.training)))
            files.append(_state(self._out.job(cell.training) / "failure.json"))
        if cell.walk is not None:
            files.append(_state(self._out.result(cell.walk)))
        for target in found:
            for key in target.scores.values():
                files.append([key, _state(self._out.scores(key))])
                files.append(_state(self._out.score_error(key)))
        return content_key(
            {
                "common": self._common,
                "row": self._row(cell.row),
                "training": cell.training,
                "files": files,
            }
        )

    def _row(self, row: Row) -> str:
        if row.label not in self._rows:
            self._rows[row.label] = content_key(loss_info(row).model_dump(mode="json"))
        return self._rows[row.label]


def _state(path: Path) -> State:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return [status.st_mtime_ns, status.st_size]
