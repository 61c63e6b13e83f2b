"""Who sees what: sheets in which every row and every image comes equally often, and their order.

Pairs: the rounds of a tournament (the circle method) split all pairs into rounds in which each row
comes once (with an odd number of rows one sits out). A *block* is one round at one image (ACR: all
rows at one image); blocks run through the images first, and raters take turns at equal stretches of
them. In any stretch rows and images differ by at most one in how often they come, and after one
cycle every pair has been asked at every image equally often.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass

from srbench.records.opinions import BICUBIC, HR
from srbench.records.votes import Kind
from srbench.study.document import Study

Cell = tuple[int, int, int | None]
"""(image, row, the row that it is compared with)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One question: ``first`` stands left; ``second`` is ``None`` where one image is rated."""

    kind: Kind
    content: int
    first: str
    second: str | None


def rounds(rows: int) -> list[list[tuple[int, int]]]:
    """All pairs of ``rows`` rows in rounds in which no row comes twice."""
    places: list[int | None] = [*range(rows), *([None] if rows % 2 else [])]
    half = len(places) // 2
    found = []
    for _ in range(len(places) - 1):
        couples = zip(places[:half], reversed(places[half:]), strict=True)
        found.append([(a, b) for a, b in couples if a is not None and b is not None])
        places = [places[0], places[-1], *places[1:-1]]
    return found


@dataclass(frozen=True, slots=True)
class Design:
    """A design by its numbers: ``blocks`` is how many of them a rater gets."""

    pairs: bool
    rows: int
    images: int
    blocks: int

    @classmethod
    def of(cls, study: Study) -> Design:
        """That of a study; its ``trials`` are a whole number of blocks (:func:`block_count`)."""
        pairs, rows = study.design == "pairs", len(study.rows)
        blocks = block_count(pairs, rows, len(study.contents), study.trials)
        return cls(pairs=pairs, rows=rows, images=len(study.contents), blocks=blocks)

    def sheet(self, number: int) -> list[Cell]:
        """What rater ``number`` (from 0) is asked, without repeats and checks."""
        turns = rounds(self.rows) if self.pairs else [[(row, None) for row in range(self.rows)]]
        total = self.images * len(turns)
        found: list[Cell] = []
        for step in range(number * self.blocks, (number + 1) * self.blocks):
            turn, image = divmod(step % total, self.images)
            found += [(image, a, b) for a, b in turns[(image + turn) % len(turns)]]
        return found


def block_count(pairs: bool, rows: int, images: int, trials: int) -> int:
    """How many blocks make about ``trials`` trials: at least one, at most every block once."""
    size = rows // 2 if pairs else rows
    most = images * (rows - 1 + rows % 2 if pairs else 1)
    return min(most, max(1, math.ceil(trials / size)))


def rater_trials(study: Study, number: int) -> list[Trial]:
    """What rater ``number`` (from 0) sees, in an order of the rater's own.

    Sides are drawn so that each comes equally often. A repeat comes in the second half, with its
    sides changed; its first showing is among the first of the trials.
    """
    draw = random.Random(f"{study.order}:{number}")
    labels, cells = study.labels, Design.of(study).sheet(number)
    sides = _halves(len(cells), draw)
    asked = [
        _trial("main", image, labels[a], None if b is None else labels[b], swap)
        for (image, a, b), swap in zip(cells, sides, strict=True)
    ]
    trials = [*asked, *_checks(study, {cell[0] for cell in cells}, draw)]
    draw.shuffle(trials)
    half = len(trials) // 2
    mains = [trial for trial in trials if trial.kind == "main"]
    early = mains[: max(study.repeats, len(mains) // 2)]
    for trial in draw.sample(early, min(study.repeats, len(early))):
        soonest = min(len(trials), max(half, trials.index(trial) + 2))
        place = draw.randint(soonest, len(trials))
        again = _trial("repeat", trial.content, trial.first, trial.second, trial.second is not None)
        trials.insert(place, again)
    return trials


def _checks(study: Study, images: set[int], draw: random.Random) -> list[Trial]:
    """HR against bicubic: beside each other, or (ACR) each rated somewhere; at own images first."""
    places = list(range(len(study.contents)))
    draw.shuffle(places)
    places.sort(key=lambda place: place not in images)
    chosen = list(itertools.islice(itertools.cycle(places), study.checks))
    if study.design == "acr":
        return [Trial("check", image, role, None) for image in chosen for role in (HR, BICUBIC)]
    sides = _halves(len(chosen), draw)
    return [
        _trial("check", image, HR, BICUBIC, swap) for image, swap in zip(chosen, sides, strict=True)
    ]


def _trial(kind: Kind, image: int, first: str, second: str | None, swap: bool) -> Trial:
    if swap and second is not None:
        first, second = second, first
    return Trial(kind, image, first, second)


def _halves(count: int, draw: random.Random) -> list[bool]:
    sides = [index % 2 == 0 for index in range(count)]
    draw.shuffle(sides)
    return sides
