"""Folders of files that are made of other things: each has a note of what it was made of.

The note holds sizes and times of the files too, so that a file that somebody exchanged or cut is
noticed without reading all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from srbench.files import TEMPORARY, write_atomic

NOTE: Final = ".source.json"


@dataclass(frozen=True, slots=True)
class Derived:
    """One such folder, which need not exist."""

    folder: Path

    def read(self) -> Mapping[str, Any]:
        """The note; empty where there is none, or a torn one."""
        try:
            note = json.loads((self.folder / NOTE).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def made_of(self, what: object) -> bool:
        """Whether its files were made of ``what``, JSON data."""
        return "of" in (note := self.read()) and bool(note["of"] == what)

    def untouched(self) -> bool:
        """Whether its files are those that the note was written for, by size and time."""
        return self.read().get("files") == _states(self.folder)

    def is_current(self, what: object) -> bool:
        """Both."""
        return self.made_of(what) and self.untouched()

    def forget(self) -> None:
        """Until :meth:`note`, its files are of nothing that is known."""
        (self.folder / NOTE).unlink(missing_ok=True)

    def note(self, what: object, **more: object) -> None:
        """Say that the files that are there now were made of ``what``."""
        document = {"of": what, "files": _states(self.folder), **more}
        text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
        write_atomic(self.folder / NOTE, text + "\n", sync=False)


def _states(folder: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if name != NOTE and not name.startswith(TEMPORARY):
                state = path.lstat()
                found[path.relative_to(folder).as_posix()] = [state.st_mtime_ns, state.st_size]
    return found
