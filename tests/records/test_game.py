"""The verdict on a game: thresholds, the half that is judged, silence where nothing was seen."""

from __future__ import annotations

import pytest

from srbench.records import CurvePoint
from srbench.records.game import LOST_ACCURACY, WON_ACCURACY, game_verdict


def points(*accuracies: tuple[float, float], pairs: float | None = None) -> list[CurvePoint]:
    return [
        CurvePoint(
            iteration=100 * i,
            scores={
                "accuracy_hr": hr,
                "accuracy_sr": sr,
                "accuracy_pairs": (hr + sr) / 2 if pairs is None else pairs,
            },
        )
        for i, (hr, sr) in enumerate(accuracies, start=1)
    ]


@pytest.mark.parametrize(
    ("hr", "sr", "verdict"),
    [
        (1.0, 1.0, "discriminator-won"),
        (WON_ACCURACY, WON_ACCURACY, "discriminator-won"),
        (1.0, 0.9, None),
        (0.8, 0.8, None),
        (0.5, 0.5, "discriminator-lost"),
        (1.0, 0.0, "discriminator-lost"),  # calls everything HR: no better than a coin
        (LOST_ACCURACY + 0.01, LOST_ACCURACY + 0.01, None),
    ],
)
def test_thresholds(hr: float, sr: float, verdict: str | None) -> None:
    assert game_verdict(points((hr, sr))) == verdict


def test_a_biased_discriminator_that_knows_the_two_apart_has_not_lost() -> None:
    assert game_verdict(points((0.1, 1.0), pairs=0.9)) is None
    assert game_verdict(points((0.1, 1.0), pairs=0.5)) == "discriminator-lost"


def test_the_end_is_judged_not_the_beginning() -> None:
    assert game_verdict(points((1, 1), (1, 1), (0.8, 0.8), (0.8, 0.8))) is None
    assert game_verdict(points((0.8, 0.8), (0.8, 0.8), (1, 1), (1, 1))) == "discriminator-won"


def test_nothing_measured_is_no_verdict() -> None:
    assert game_verdict([]) is None
    assert game_verdict([CurvePoint(iteration=1, scores={"content_gradient": 1.0})]) is None
