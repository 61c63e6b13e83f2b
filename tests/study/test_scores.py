"""Scores against independent fits, their intervals against the truth; without torch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import optimize, special

from srbench.study.design import Design, block_count
from srbench.study.planner import plan, power_of, true_scores
from srbench.study.scores import Ballots, bradley_terry, score
from srbench.study.simulate import Taste, answers, questions

TRUTH = np.array([-0.75, -0.3, 0.1, 0.95])


def design(pairs: bool = True, rows: int = 4, images: int = 20, trials: int = 40) -> Design:
    return Design(
        pairs=pairs, rows=rows, images=images, blocks=block_count(pairs, rows, images, trials)
    )


def counts(ties: bool, rows: int = 5, seed: int = 3) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(20, 90, size=(1, rows * (rows - 1) // 2, 3))
    return drawn * np.array([1.0, float(ties), 1.0])


def test_without_ties_it_is_the_logistic_regression_of_statsmodels() -> None:
    import statsmodels.api as sm

    found = counts(ties=False)
    pairs = list(itertools.combinations(range(5), 2))
    columns = np.zeros((len(pairs), 5))
    for index, (first, second) in enumerate(pairs):
        columns[index, first], columns[index, second] = 1.0, -1.0
    model = sm.GLM(found[0][:, [0, 2]], columns[:, 1:], family=sm.families.Binomial()).fit()
    expected = np.concatenate(([0.0], model.params))
    assert bradley_terry(found, 5)[0] == pytest.approx(expected - expected.mean(), abs=2e-3)


def test_with_ties_it_is_davidson_s_maximum_likelihood() -> None:
    found = counts(ties=True)
    pairs = list(itertools.combinations(range(5), 2))

    def minus_log_likelihood(point: np.ndarray) -> float:
        strength = np.exp(np.concatenate(([0.0], point[:-1])))
        total = 0.0
        for index, (a, b) in enumerate(pairs):
            tie = np.exp(point[-1]) * np.sqrt(strength[a] * strength[b])
            parts = np.array([strength[a], tie, strength[b]])
            total -= found[0, index] @ np.log(parts / parts.sum())
        return total

    best = optimize.minimize(minus_log_likelihood, np.zeros(5), method="BFGS").x
    expected = np.concatenate(([0.0], best[:-1]))
    assert bradley_terry(found, 5)[0] == pytest.approx(expected - expected.mean(), abs=2e-3)


def test_a_row_that_always_wins_has_a_finite_score() -> None:
    found = np.zeros((1, 3, 3))
    found[0, :, 0] = 50.0  # the lower row of each pair always wins
    scores = bradley_terry(found, 3)[0]
    assert np.isfinite(scores).all()
    assert scores[0] > scores[1] > scores[2]


def test_mean_opinion_scores_are_means() -> None:
    asked = questions(design(pairs=False), 12)
    given = answers(asked, np.array([2.0, 3.0, 3.5, 4.2]), Taste(), np.random.default_rng(0))[0]
    scored = score(asked.but(given))
    for row in range(4):
        assert scored.values[row] == pytest.approx(given[asked.first == row].mean())


def pseudo_truth(asked: Ballots, taste: Taste) -> np.ndarray:
    """What infinitely many raters and images would give: the fit to mean probabilities.

    Averages over the normal spreads are taken by Gauss-Hermite quadrature.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    spread = np.hypot(taste.rater, taste.image)
    expected = []
    for first, second in itertools.combinations(range(len(TRUTH)), 2):
        half = (TRUTH[first] - TRUTH[second] + spread * nodes) / 2.0
        parts = np.array([np.exp(half), np.full_like(half, taste.nu), np.exp(-half)])
        expected.append((parts / parts.sum(axis=0)) @ weights / weights.sum())
    return bradley_terry(1e6 * np.array(expected)[None], len(TRUTH))[0]


def coverage(taste: Taste, studies: int, raters: int = 30) -> tuple[float, float]:
    """Share of intervals over the truth, and of studies that call a pair of equals different."""
    asked = questions(design(), raters)
    truth = pseudo_truth(asked, taste)
    drawn = answers(asked, TRUTH, taste, np.random.default_rng(1), studies)
    hits, order = [], []
    for given in drawn:
        scored = score(asked.but(given), resamples=150)
        hits.append((scored.low <= truth) & (truth <= scored.high))
        order.append(np.argsort(scored.values).tolist() == [0, 1, 2, 3])
    return float(np.mean(hits)), float(np.mean(order))


def test_intervals_cover_the_truth_in_some_studies() -> None:
    covered, ordered = coverage(Taste(), 60)
    assert 0.90 <= covered <= 0.99
    assert ordered >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("taste", "studies", "low", "high"),
    [
        (Taste(), 2000, 0.93, 0.97),
        (Taste(rater=0.0, image=0.0), 300, 0.92, 0.98),
        (Taste(nu=0.8), 300, 0.92, 0.98),
    ],
    ids=["spread", "equal", "ties"],
)
def test_intervals_cover_the_truth_in_two_thousand_studies(
    taste: Taste, studies: int, low: float, high: float
) -> None:
    covered, ordered = coverage(taste, studies)
    print(f"covered {covered:.4f}, in the true order {ordered:.4f}")
    assert low <= covered <= high
    assert ordered >= 0.9


def measured_power(shape: Design, raters: int, difference: float, studies: int) -> float:
    """By the whole analysis of each simulated study, not by the planner's shortcut."""
    asked = questions(shape, raters)
    truth = true_scores(shape, difference, Taste())
    drawn = answers(asked, truth, Taste(), np.random.default_rng(8), studies)
    found = [score(asked.but(given), resamples=150) for given in drawn]
    return float(np.mean([abs(f.values[0] - f.values[1]) > f.threshold for f in found]))


@pytest.mark.slow
@pytest.mark.parametrize(("pairs", "difference"), [(True, 0.62), (False, 0.55)])
def test_the_planned_power_is_met(pairs: bool, difference: float) -> None:
    shape = design(pairs=pairs)
    found = plan(shape, difference, power=0.8)
    assert found.raters is not None
    assert found.votes == found.raters * len(shape.sheet(0))
    assert found.power >= 0.8
    assert measured_power(shape, found.raters, difference, 500) == pytest.approx(0.8, abs=0.05)


def test_more_raters_find_smaller_differences() -> None:
    shape = design()
    few, many = (power_of(shape, raters, 0.65, Taste(), 100) for raters in (6, 40))
    assert few < 0.6 < many


def test_images_that_differ_too_much_are_said_to() -> None:
    found = plan(design(images=4, trials=12), 0.55, most=20, studies=60)
    assert found.raters is None
    assert found.power < 0.8


def test_a_planned_share_is_the_share_of_votes() -> None:
    shape = design()
    asked = questions(shape, 400)
    truth = true_scores(shape, 0.7, Taste())
    given = answers(asked, truth, Taste(image=0.0), np.random.default_rng(2))[0]
    both = asked.first + asked.second == 1  # the first two rows
    won = np.where(asked.first == 0, given == 0, given == 2)[both].mean()
    spread = 0.3**2  # the images were made equal here
    expected = special.expit(truth[0] - truth[1]) - 0.5
    assert won - 0.5 == pytest.approx(expected / np.sqrt(1 + 0.346 * spread), abs=0.02)
