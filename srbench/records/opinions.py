"""What people said of rows: ``opinions/<hash of the study>.json`` beside ``records/``.

The votes lie beside it as ``.csv``. Opinions are *reported*: their files can be checked to belong
together, but nobody can ask the same people again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from srbench.errors import RecordError
from srbench.files import has_link, read_regular, write_atomic
from srbench.records.scores import Sha256
from srbench.strict import Number, Strict

FOLDER: Final = "opinions"
MAX_BYTES: Final = 64 << 20

HR: Final = "(hr)"
BICUBIC: Final = "(bicubic)"
REFERENCE: Final = "(reference)"
"""Roles of crops that are no row: no label begins so."""


class RatedRow(Strict):
    """One row of a table, and where on its curve the images lay that people saw.

    ``coefficient`` is the place between warm start (0) and generator (1) at which the mean PSNR is
    ``budget`` dB below the warm start's; both are absent where the generator is as it was trained.
    """

    label: str = Field(pattern=r"^[^(=+@-]", max_length=200)
    seed: int
    content_scale: Number
    record: Sha256
    generator: Sha256 | None = None
    warm_start: Sha256 | None = None
    budget: Number | None = None
    coefficient: Number | None = None


class Content(Strict):
    """One place of one test image. ``pixels``: row, or a role -> hash of the whole image."""

    dataset: str = Field(max_length=200)
    image: str = Field(max_length=300)
    top: int = Field(ge=0)
    left: int = Field(ge=0)
    pixels: dict[str, Sha256]

    @property
    def name(self) -> str:
        """As it stands in the votes: unique in a study, and no name of a file."""
        return f"{self.dataset}/{self.image}@{self.top},{self.left}"


class SuiteRef(Strict):
    """Whose rows they are. ``conditions``: as :attr:`srbench.settings.Suite.conditions`."""

    name: str
    version: int
    conditions: Sha256
    protocol: str
    scale: int


class Opinion(Strict):
    """What people said of one row: a score with its 95 % interval, higher is better.

    ``group``: rows of the study that share a letter were not told apart.
    """

    row: RatedRow
    score: Number
    low: Number
    high: Number
    group: str = Field(max_length=100)
    votes: int = Field(ge=0)


class RatedContent(Strict):
    """A place, and the hashes of the files that were shown of it, by row or role."""

    place: Content
    crops: dict[str, Sha256]


class Opinions(Strict):
    """One study.

    Attributes:
        unit: of the scores.
        raters: whose votes count; ``screened_out`` others are in the votes and do not.
        votes: that count, without repeats and checks; ``votes_sha256`` is of the file with all.
        alpha: Krippendorff's, between raters.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    mark: Literal["reported"] = "reported"
    study: Sha256
    design: Literal["pairs", "acr"]
    unit: str = Field(max_length=100)
    suite: SuiteRef
    raters: int = Field(ge=0)
    screened_out: int = Field(ge=0)
    votes: int = Field(ge=0)
    alpha: Number | None
    votes_sha256: Sha256
    rows: tuple[Opinion, ...]
    contents: tuple[RatedContent, ...]


def opinion_files(folder: Path) -> list[Path]:
    """The opinions of an out folder or published folder, in a stable order.

    Raises:
        RecordError: one is a link, which may lead out of the folder.
    """
    paths = sorted((folder / FOLDER).glob("*.json"))
    for path in paths:
        if has_link(folder, path):
            raise RecordError(f"expected opinions in {folder}, got a link: {path}")
    return paths


def read_opinions(folders: Iterable[Path]) -> Iterator[Opinions]:
    """Opinions of all folders, each study once.

    Raises:
        RecordError: a file that holds something else.
    """
    seen = set()
    for path in (path for folder in folders for path in opinion_files(folder)):
        found = parse_opinions(read_regular(path, MAX_BYTES), str(path))
        if found.study not in seen:
            seen.add(found.study)
            yield found


def parse_opinions(data: bytes, origin: str) -> Opinions:
    """Opinions from the bytes of their file.

    Raises:
        RecordError: they are none; ``origin`` is named.
    """
    if len(data) > MAX_BYTES:
        raise RecordError(f"{origin}: expected opinions of at most {MAX_BYTES} bytes")
    try:
        return Opinions.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part)[:40] for part in first["loc"])
        raise RecordError(
            f"{origin}: {place}: {first['msg']}", "write it anew: srbench study analyse"
        ) from error


def write_opinions(opinions: Opinions, votes: str, folder: Path) -> tuple[Path, Path]:
    """Write the document, and the votes' CSV text whose hash it states, to ``folder/opinions``."""
    base = folder / FOLDER / opinions.study
    document = opinions.model_dump(mode="json", by_alias=True)
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    table = write_atomic(base.with_suffix(".csv"), votes)
    return write_atomic(base.with_suffix(".json"), text), table
