"""Who is screened out: simulated raters of both kinds, and the rule of BT.500 by hand."""

from __future__ import annotations

import numpy as np
import pytest
from voting import PaperRater, laboratory_votes, paper_study, votes_of

from srbench.study.screening import bt500_outliers, passes_checks, screen


@pytest.mark.parametrize("design", ["pairs", "acr"])
def test_careless_raters_go_and_honest_ones_stay(design: str) -> None:
    """24 studies of 25 raters, one in ten of whom answers at random."""
    study = paper_study(design, images=8, trials=24)
    out: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(24):
        votes = []
        for number in range(25):
            careless = number % 10 == 0
            rater = PaperRater(1000 * seed + number, careless=careless)
            votes += votes_of(study, number, rater)
        for rater in screen(votes, design):
            careless = (int(rater.name.split("-")[1]) - 1) % 10 == 0
            out[careless].append(bool(rater.why_not))
    assert len(out[True]) == 72
    assert np.mean(out[True]) >= 0.90
    assert np.mean(out[False]) <= 0.05


def test_who_may_say_no_difference_is_judged_alike() -> None:
    study = paper_study(images=8, trials=24, ties=True)
    votes = laboratory_votes(study, 40, careless=0.5)
    raters = sorted(screen(votes, "pairs"), key=lambda rater: int(rater.name.split("-")[1]))
    out = [bool(rater.why_not) for rater in raters]
    assert np.mean(out[:20]) <= 0.05
    assert np.mean(out[20:]) >= 0.90


def test_always_left_contradicts_itself() -> None:
    study = paper_study(images=8, trials=24)
    (found,) = screen(votes_of(study, 0, PaperRater(1, left=True)), "pairs")
    assert found.right == 4  # sides are balanced
    assert found.alike == 0  # repeats change sides
    assert found.why_not


@pytest.mark.parametrize(
    ("right", "checks", "design", "passes"),
    [
        (8, 8, "pairs", True), (7, 8, "pairs", True), (6, 8, "pairs", False),  # 0.4, 3.5, 14.5 %
        (5, 5, "pairs", True), (4, 4, "pairs", False), (0, 0, "pairs", False),  # 3.1, 6.3 %
        (6, 8, "acr", True), (5, 8, "acr", False),  # 5.0, 17.4 %
    ],
)  # fmt: skip
def test_the_rule_for_checks(right: int, checks: int, design: str, passes: bool) -> None:
    assert passes_checks(right, checks, design) is passes


def test_the_rule_of_bt500() -> None:
    """Scores around 3 for all but one, who is far off on both sides by turns, and a strict one."""
    generator = np.random.default_rng(0)
    ratings = [
        (f"rater-{rater}", thing, int(score))
        for thing in range(40)
        for rater, score in enumerate(np.clip(np.rint(generator.normal(3, 0.5, 20)), 1, 5))
    ]
    ratings += [("wild", thing, 5 if thing % 2 else 1) for thing in range(40)]
    ratings += [("strict", thing, 1) for thing in range(40)]
    # |P - Q| / (P + Q) is 0 for the first and 1 for the second, whom the rule keeps.
    assert bt500_outliers(ratings) == {"wild"}
