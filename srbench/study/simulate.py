"""Raters that do not exist, with a known taste: for planning a study and for testing its analysis.

Between two rows a rater prefers the first with odds ``exp(d)``, d the difference of their true
scores plus what this rater likes in either and what this image does to either, both normal. In ACR
a rater answers the true score plus an own level, likings and noise, rounded to 1 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from srbench.study.design import Design
from srbench.study.scores import Array, Ballots, Indices


@dataclass(frozen=True, kw_only=True, slots=True)
class Taste:
    """Spreads are standard deviations: logits between two rows (pairs), or points (acr).

    Attributes:
        rater, image: of what a rater, or an image, adds to a row.
        nu: Davidson's tie parameter; 0 where ties are not offered.
        level: between raters' own levels, ACR.
        noise: of single answers, ACR (in pairs they are coins).
    """

    rater: float = 0.3
    image: float = 0.3
    nu: float = 0.0
    level: float = 0.4
    noise: float = 0.7


def questions(design: Design, raters: int) -> Ballots:
    """What so many raters are asked, with no answers yet."""
    cells = [(rater, *cell) for rater in range(raters) for cell in design.sheet(rater)]
    rater, content, first, second = zip(*cells, strict=True)
    return Ballots(
        rows=design.rows,
        rater=np.array(rater),
        content=np.array(content),
        first=np.array(first),
        second=np.array(second) if design.pairs else None,
        answer=np.zeros(len(cells), dtype=np.intp),
    )


def answers(
    asked: Ballots, truth: Array, taste: Taste, generator: np.random.Generator, studies: int = 1
) -> Indices:
    """Answers to all questions in so many independent studies, ``(studies, V)``."""
    likes = _likes(asked, taste, generator, studies)
    study = np.arange(studies)[:, None]

    def worth(row: Indices) -> Array:
        by_rater, by_image = likes
        return np.asarray(
            truth[row] + by_rater[study, asked.rater, row] + by_image[study, asked.content, row]
        )

    if asked.second is None:
        levels = taste.level * generator.standard_normal((studies, asked.rater.max() + 1))
        noise = taste.noise * generator.standard_normal((studies, len(asked.answer)))
        felt = worth(asked.first) + levels[:, asked.rater] + noise
        return np.clip(np.rint(felt), 1, 5).astype(np.intp)
    half = (worth(asked.first) - worth(asked.second)) / 2.0
    win, tie, loss = np.exp(half), taste.nu, np.exp(-half)
    draw = generator.random(half.shape) * (win + tie + loss)
    return np.asarray((draw >= win).astype(np.intp) + (draw >= win + tie), dtype=np.intp)


def _likes(
    asked: Ballots, taste: Taste, generator: np.random.Generator, studies: int
) -> tuple[Array, Array]:
    """What each rater and each image adds to each row; a difference of two has the spread."""
    share = 1.0 if asked.second is None else np.sqrt(0.5)
    return tuple(  # type: ignore[return-value]
        share * spread * generator.standard_normal((studies, groups.max() + 1, asked.rows))
        for spread, groups in ((taste.rater, asked.rater), (taste.image, asked.content))
    )
