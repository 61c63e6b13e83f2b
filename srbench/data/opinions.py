"""Human opinions of distorted images, as files: the layout that ``srbench agree`` reads."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from srbench.errors import DataError

SCORES = ("reference", "distorted", "score")
CHOICES = ("reference", "first", "second", "preferred_first")

LAYOUT = (
    "FOLDER/reference/... and FOLDER/distorted/..., and a CSV whose first line is either "
    f"`{','.join(SCORES)}` (a mean opinion score; higher is better) or `{','.join(CHOICES)}` (the "
    "share of people, 0 to 1, who preferred the first), with image names relative to those folders"
)
"""What is expected, in one sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinions:
    """What people said of the images of a folder.

    Attributes:
        references: name of each distorted image's reference.
        scores: distorted image -> mean opinion score, higher is better; empty for choices.
        choices: (first, second, share of people who preferred the first); empty for scores.
    """

    references: Mapping[str, str]
    scores: Mapping[str, float]
    choices: tuple[tuple[str, str, float], ...]


def read_opinions(folder: Path, file: Path, *, lower_is_better: bool = False) -> Opinions:
    """The opinions in ``file`` on the images of ``folder``, every image checked to be there.

    Args:
        folder: holds ``reference/`` and ``distorted/``.
        file: CSV of scores or of choices.
        lower_is_better: the scores are differences (DMOS): turned round.

    Raises:
        DataError: the layout is another one; what was expected is said, and what was found.
    """
    for name in ("reference", "distorted"):
        if not (folder / name).is_dir():
            raise _broken(f"found no folder {folder / name}")
    (_, first), *rows = _rows(file) or [(1, [])]
    header = tuple(first)
    if header not in (SCORES, CHOICES):
        raise _broken(f"found {file} with the first line {','.join(header)!r}")
    if header == CHOICES and lower_is_better:
        raise _broken("got choices, which have no direction to turn round")
    if not rows:
        raise _broken(f"found no opinion in {file}")
    references: dict[str, str] = {}
    values: dict[tuple[str, ...], float] = {}
    for line, row in rows:
        where = f"{file}, line {line}"
        if len(row) != len(header):
            raise _broken(f"found {len(row)} fields in {where}")
        *names, number = row
        _check_present(folder, names, where)
        for name in names[1:]:
            if references.setdefault(name, names[0]) != names[0]:
                raise _broken(f"found a second reference for {name!r} in {where}")
        if tuple(names[1:]) in values:
            raise _broken(f"found a second opinion of {' and '.join(names[1:])} in {where}")
        values[tuple(names[1:])] = _number(number, where, share=header == CHOICES)
    if header == CHOICES:
        choices = tuple((first, second, share) for (first, second), share in values.items())
        return Opinions(references=references, scores={}, choices=choices)
    sign = -1.0 if lower_is_better else 1.0
    scores = {name: sign * value for (name,), value in values.items()}
    return Opinions(references=references, scores=scores, choices=())


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            return [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _broken(f"could not read {file}: {error}") from error


def _number(text: str, where: str, *, share: bool) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _broken(f"found {text!r} in place of a number in {where}")
    if share and not 0.0 <= value <= 1.0:
        raise _broken(f"found a share of {text} in {where}")
    return value


def _check_present(folder: Path, names: list[str], where: str) -> None:
    for kind, name in zip(("reference", "distorted", "distorted"), names, strict=False):
        if not (folder / kind / name).is_file():
            raise _broken(f"found no image {folder / kind / name}, which {where} names")


def _broken(found: str) -> DataError:
    return DataError(
        f"expected {LAYOUT}; {found}", "`srbench docs agree` has recipes for known data sets"
    )
