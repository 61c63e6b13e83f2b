"""The out folder: which file lies where (DESIGN section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from srbench.files import sha256_hex

_LONGEST = 100  # bytes

HR_FOLDER: Final = "hr-images"
"""Where the HR images lie, as they were scored against: in the place of a row."""


@dataclass(frozen=True, slots=True)
class OutFolder:
    """Paths below one out folder. Nothing is created by asking for a path."""

    root: Path

    @property
    def records(self) -> Path:
        """One JSON file per row and seed."""
        return self.root / "records"

    @property
    def suite(self) -> Path:
        """The whole resolved suite of the latest run."""
        return self.root / "suite.json"

    @property
    def superseded(self) -> Path:
        """Records of this folder's suite whose settings have changed since; kept, not reported."""
        return self.root / "superseded"

    @property
    def plan(self) -> Path:
        """Jobs and rows of the latest run, for housekeeping: records come when all is scored."""
        return self.root / "plan.json"

    @property
    def events(self) -> Path:
        """What happened, one JSON object a line."""
        return self.root / "events.jsonl"

    def checkpoint(self, key: str) -> Path:
        """Folder of one training job: checkpoints, generator and result."""
        return self.root / "checkpoints" / key

    def result(self, key: str) -> Path:
        """Written last, atomically: a job is finished when this file exists."""
        return self.checkpoint(key) / "result.json"

    def generator(self, key: str) -> Path:
        """The trained generator's weights."""
        return self.checkpoint(key) / "generator.safetensors"

    def job(self, key: str) -> Path:
        """Folder of a job's request, log, events and failure."""
        return self.root / "jobs" / key

    def scores(self, key: str) -> Path:
        """Per-image scores of one generator on one data set by one metric."""
        return self.root / "scores" / f"{key}.json"

    def score_error(self, key: str) -> Path:
        """Why there is no score file of this key: a metric that gave no finite number."""
        return self.root / "scores" / f"{key}.error.json"

    def images(self, dataset: str, row: str) -> Path:
        """SR images of one row: ``row`` is :func:`row_folder`."""
        return self.root / "images" / safe_name(dataset) / row

    def comparisons(self, dataset: str) -> Path:
        """Pictures that put the rows side by side."""
        return self.root / "comparisons" / safe_name(dataset)

    @property
    def site(self) -> Path:
        """The table as a static site; ``index.html`` is where to start."""
        return self.root / "site"

    def logs(self, logger: str, row: str) -> Path:
        """What a logger, ``tensorboard`` say, keeps of one row."""
        return self.root / logger / row


def row_folder(label: str, seed: int, content_scale: float) -> str:
    """``vgg16-s1``; with a content scale other than 1 ``vgg16-x0.33-s1``."""
    scale = "" if content_scale == 1 else f"-x{content_scale:g}"
    return f"{label}{scale}-s{seed}"


def safe_name(dataset: str) -> str:
    """A data set's name as a folder's: ``folder:/some/path`` must not leave the out folder.

    Two names are never one folder: what is changed, or is long, has a hash of the name at its end.
    """
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in dataset).strip(".")
    if name == dataset and len(name.encode()) <= _LONGEST:
        return name
    start = name.encode()[:_LONGEST].decode(errors="ignore")
    digest = sha256_hex(dataset.encode(errors="surrogateescape"))
    return f"{start}-{digest[:8]}"
