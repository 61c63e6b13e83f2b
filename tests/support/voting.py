"""A study on paper (no images), and the votes of raters with a known taste; without torch."""

from __future__ import annotations

import hashlib
import math
import random

from srbench.records.opinions import BICUBIC, HR, REFERENCE, Content, RatedRow, SuiteRef
from srbench.records.votes import Vote
from srbench.study.design import Trial, rater_trials
from srbench.study.document import Crop, Study

TRUTH = {"alpha": 0.8, "beta": 0.35, "gamma": -0.3, "delta": -0.85}
STUDY = hashlib.sha256(b"study.json").hexdigest()
LAPSE = 0.02
"""How often an honest rater gets an attention check wrong."""


def sha(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def paper_study(design: str = "pairs", images: int = 20, **more: object) -> Study:
    rows = tuple(
        RatedRow(label=label, seed=1, content_scale=1.0, record=sha(label)) for label in TRUTH
    )
    contents = tuple(
        Content(dataset="set", image=f"image-{index}", top=0, left=0, pixels={})
        for index in range(images)
    )
    roles = (*TRUTH, HR, BICUBIC, REFERENCE)
    media = {
        sha(index, role)[:32]: Crop(content=index, role=role, sha256=sha("crop", index, role))
        for index in range(images)
        for role in roles
    }
    chosen = {"trials": 40, "repeats": 6, "checks": 8, "ties": False, "order": 5, **more}
    return Study(
        title="", design=design, reference=True, crop=64, zoom=1, consent="", rows=rows,
        suite=SuiteRef(name="s", version=1, conditions=sha("s"), protocol="y4-v2", scale=4),
        contents=contents, media=media, **chosen,
    )  # fmt: skip


class PaperRater:
    """Answers trials. ``careless``: at random; ``left``: always the left one."""

    def __init__(self, seed: int, *, careless: bool = False, left: bool = False) -> None:
        self._draw = random.Random(seed)
        self._careless = careless
        self._left = left
        self._likes = {label: self._draw.gauss(0.0, 0.2) for label in TRUTH}
        self._level = self._draw.gauss(0.0, 0.3)

    def answer(self, trial: Trial, *, ties: bool = False) -> str:
        return self._rate(trial) if trial.second is None else self._prefer(trial, ties)

    def _prefer(self, trial: Trial, ties: bool) -> str:
        if self._left:
            return "first"
        if self._careless:
            return self._draw.choice(("first", "second", *(("tie",) if ties else ())))
        if trial.kind == "check":
            right = "first" if trial.first == HR else "second"
            wrong = "second" if right == "first" else "first"
            return wrong if self._draw.random() < LAPSE else right
        worth = [TRUTH[label] + self._likes[label] for label in (trial.first, trial.second or "")]
        parts = [math.exp((worth[0] - worth[1]) / 2), 0.5 if ties else 0.0]
        parts.append(1 / parts[0])
        return self._draw.choices(("first", "tie", "second"), parts)[0]

    def _rate(self, trial: Trial) -> str:
        if self._careless or self._left:
            return "3" if self._left else str(self._draw.randint(1, 5))
        worth = {HR: 4.7, BICUBIC: 1.4, **{k: 3 + v for k, v in TRUTH.items()}}[trial.first]
        felt = worth + self._level + self._likes.get(trial.first, 0.0) + self._draw.gauss(0, 0.6)
        return str(min(5, max(1, round(felt))))


def votes_of(
    study: Study, number: int, rater: PaperRater, laboratory: str = "0a1b2c3d"
) -> list[Vote]:
    """All votes of one rater, as a data base gives them."""
    return [
        Vote(
            study=STUDY, rater=f"{laboratory}-{number + 1}", trial=index, kind=trial.kind,
            content=study.contents[trial.content].name, first=trial.first,
            second=trial.second or "", answer=rater.answer(trial, ties=study.ties),
            first_sha256=sha("crop", trial.content, trial.first),
            second_sha256=sha("crop", trial.content, trial.second) if trial.second else "",
            seconds=4.0 * index, shown_ms=3000, pixel_ratio=1.0, pixels_each=2, width=1280,
            height=800,
        )
        for index, trial in enumerate(rater_trials(study, number))
    ]  # fmt: skip


def laboratory_votes(study: Study, raters: int, careless: float = 0.0, **more: str) -> list[Vote]:
    """Votes of raters of whom a share, the last ones, answers at random."""
    first = round(raters * (1 - careless))
    return [
        vote
        for number in range(raters)
        for vote in votes_of(study, number, PaperRater(number, careless=number >= first), **more)
    ]
