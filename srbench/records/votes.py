"""Votes as they leave a laboratory: CSV without identities, and all that an analysis needs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from srbench.errors import UserError
from srbench.records.scores import Sha256
from srbench.strict import Strict

Kind = Literal["main", "repeat", "check"]


class Vote(Strict):
    """One answer.

    Attributes:
        study: hash of the study's ``study.json``.
        rater: laboratory and number: nobody's name.
        first, second: labels of the rows, ``(hr)`` or ``(bicubic)``; ``second`` is empty in ACR.
        answer: ``first``, ``second`` or ``tie``; in ACR 1 (bad) to 5 (excellent).
        first_sha256, second_sha256: of the crops that were shown, as files.
        seconds: since the rater's first vote.
        pixels_each: device pixels per pixel of the crop.
        width, height: of the window, CSS pixels.
    """

    study: Sha256
    rater: str = Field(pattern=r"^[0-9a-f]{8}-[0-9]{1,9}$")
    trial: int = Field(ge=0)
    kind: Kind
    content: str = Field(max_length=500)
    first: str = Field(max_length=200)
    second: str = Field(max_length=200)
    answer: Literal["first", "second", "tie", "1", "2", "3", "4", "5"]
    first_sha256: Sha256
    second_sha256: Sha256 | Literal[""]
    seconds: float = Field(ge=0)
    shown_ms: int = Field(ge=0)
    pixel_ratio: float
    pixels_each: int
    width: int
    height: int


_COLUMNS = tuple(Vote.model_fields)


def votes_csv(votes: Iterable[Vote]) -> str:
    """The votes as CSV, one a line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(vote.model_dump() for vote in votes)
    return text.getvalue()


def parse_votes(text: str, origin: str) -> list[Vote]:
    """The votes in the text of a CSV file, checked line by line.

    Raises:
        UserError: no such file; the line is named.
    """
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise UserError(
            f"expected votes in {origin}, with the first line {','.join(_COLUMNS)}",
            "give a file that `srbench study analyse` or `study merge` wrote",
        )
    found = []
    try:
        for row in reader:
            found.append(Vote.model_validate_strings(row))
    except (ValidationError, csv.Error, TypeError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UserError(f"{origin}, line {reader.line_num}: {said}") from error
    return found


def read_votes(path: Path) -> list[Vote]:
    """The votes in a CSV file: see :func:`parse_votes`."""
    return parse_votes(path.read_text(encoding="utf-8"), str(path))


def merge_votes(laboratories: Sequence[Sequence[Vote]]) -> list[Vote]:
    """The votes of several laboratories on one study; a vote that is in two files counts once.

    Raises:
        UserError: another study, or two answers of one rater to one trial.
    """
    found: dict[tuple[str, int], Vote] = {}
    for vote in (vote for votes in laboratories for vote in votes):
        other = found.setdefault((vote.rater, vote.trial), vote)
        if other.study != vote.study or vote.study != next(iter(found.values())).study:
            raise UserError(
                f"expected votes on one study, got {other.study[:12]} and {vote.study[:12]}",
                "laboratories share the folder that one `srbench study create` made",
            )
        if other != vote:
            raise UserError(f"got two answers of rater {vote.rater} to trial {vote.trial}")
    return sorted(found.values(), key=lambda vote: (vote.rater, vote.trial))
