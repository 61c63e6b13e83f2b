"""What verified, as an out folder that ``srbench publish`` takes: with the scores found here.

So nobody gains from what the tolerance between two machines lets pass.
"""

from __future__ import annotations

from pathlib import Path

from srbench.files import write_atomic
from srbench.records import Record
from srbench.records.io import write_record
from srbench.verify.contents import Contents


class Accepted:
    """Writes records, and the generators that belong to them.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, record: Record, contents: Contents) -> None:
        """One row that verified, its scores those that were recomputed."""
        write_record(record, self._folder / "records")
        for artifact in record.generators:
            name = contents.generators.get(artifact.sha256)
            if name is not None:
                target = self._folder / "generators" / f"{artifact.sha256}.safetensors"
                write_atomic(target, contents.read(name))
