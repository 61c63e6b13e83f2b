"""What verified, as an out folder that ``srbench publish`` takes: scores and images found here.

So nobody gains from what the tolerance between two machines lets pass, and pages show images that
nobody else made.
"""

from __future__ import annotations

from pathlib import Path

from srbench.files import write_atomic
from srbench.imaging import write_image
from srbench.records import Record, RowKind
from srbench.records.io import write_record
from srbench.records.layout import OutFolder, row_folder
from srbench.verify.contents import Contents
from srbench.verify.regenerate import SetsOfImages


class Accepted:
    """Writes records, the generators that belong to them, and their SR images.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, record: Record, contents: Contents, images: SetsOfImages) -> None:
        """One row that verified, its scores those that were recomputed, and its images.

        HR is not written: the data set is not ours to pass on.
        """
        write_record(record, self._folder / "records")
        for artifact in record.generators:
            name = contents.generators.get(artifact.sha256)
            if name is not None:
                target = self._folder / "generators" / f"{artifact.sha256}.safetensors"
                write_atomic(target, contents.read(name))
        if record.loss.kind is RowKind.HR:
            return
        row = row_folder(record.loss.label, record.seed, record.content_scale)
        for dataset, made in images.items():
            for name, image in made.items():
                write_image(OutFolder(self._folder).images(dataset, row) / f"{name}.png", image)
