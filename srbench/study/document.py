"""The study folder: ``study.json``, the crops in ``media/``, the votes in ``votes.sqlite``.

``study.json`` is the key to the blinding. It stays on the laboratory's server: of its content a
rater's browser gets random names of crops, and words that the laboratory wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from srbench.errors import UserError
from srbench.files import file_sha256, sha256_hex, write_atomic
from srbench.records.opinions import BICUBIC, HR, REFERENCE, Content, RatedRow, SuiteRef
from srbench.records.scores import Sha256
from srbench.strict import Strict

Name = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Crop(Strict):
    """One file in ``media/``: what it shows, and the hash of its bytes."""

    content: int = Field(ge=0)
    role: str
    sha256: Sha256


class Study(Strict):
    """The whole of ``study.json``.

    ``trials`` are a rater's comparisons (pairs) or ratings (acr), ``repeats`` of them are asked
    twice, and ``checks`` have a known answer.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    title: str = Field(max_length=200)
    design: Literal["pairs", "acr"]
    ties: bool
    reference: bool
    crop: int = Field(ge=32, le=1024)
    zoom: int = Field(ge=1, le=8)
    order: int
    trials: int = Field(ge=1)
    repeats: int = Field(ge=0)
    checks: int = Field(ge=0)
    consent: str = Field(max_length=20_000)
    questions: tuple[Annotated[str, Field(max_length=200)], ...] = ()
    suite: SuiteRef
    rows: tuple[RatedRow, ...] = Field(min_length=2)
    contents: tuple[Content, ...] = Field(min_length=1)
    media: dict[Name, Crop]

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the rows, in the order of the file."""
        return tuple(row.label for row in self.rows)

    @cached_property
    def names(self) -> dict[tuple[int, str], str]:
        """(content, role) -> name of the crop."""
        return {(crop.content, crop.role): name for name, crop in self.media.items()}

    @model_validator(mode="after")
    def _whole(self) -> Study:
        roles = {*self.labels, HR, BICUBIC, REFERENCE}
        wanted = {(content, role) for content in range(len(self.contents)) for role in roles}
        if set(self.names) != wanted or len(self.media) != len(wanted):
            raise ValueError("expected one crop of each row, of HR and of bicubic at each place")
        return self


class StudyFolder:
    """A study on disk.

    Args:
        root: the folder that ``srbench study create`` wrote.

    Raises:
        UserError: no study, or a damaged one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        path = root / "study.json"
        try:
            data = path.read_bytes()
            self.study = Study.model_validate_json(data)
        except FileNotFoundError as error:
            raise UserError(
                f"expected a study in {root}, found no {path.name}",
                "make one: srbench study create",
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise UserError(f"{path}: {place}: {first['msg']}") from error
        self.sha256 = sha256_hex(data)

    @property
    def votes(self) -> Path:
        """The data base of the votes."""
        return self.root / "votes.sqlite"

    def crops(self) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of every crop, each checked against its hash.

        Raises:
            UserError: a file that is missing, or is not what was made.
        """
        for name, crop in self.study.media.items():
            path = self.root / "media" / f"{name}.png"
            if not path.is_file() or file_sha256(path) != crop.sha256:
                raise UserError(
                    f"expected {path} with the hash that study.json states",
                    "the study was damaged: take its folder from a copy, or make a new study",
                )
            yield name, path.read_bytes()


def write_study(study: Study, root: Path) -> StudyFolder:
    """Write ``study.json``, last of all: a folder without it is no study."""
    document = study.model_dump(mode="json", by_alias=True)
    write_atomic(root / "study.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return StudyFolder(root)
