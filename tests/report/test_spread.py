"""Unequal spread, Games-Howell and standard errors against simulation and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from srbench.report.spread import (
    equal_spread_p,
    games_howell,
    letters,
    seed_centred,
    standard_errors,
)
from srbench.report.statistics import residual_variance, tie_groups


def test_seed_centred_rows_have_the_residual_variance():
    y = np.random.default_rng(0).normal(size=(7, 6, 4))
    mean = seed_centred(y).var(axis=-1, ddof=1).mean(axis=-1)
    np.testing.assert_allclose(mean, residual_variance(y))


@pytest.mark.parametrize("seeds", [3, 5])
def test_equal_spread_is_refused_at_its_level_whatever_the_seeds_share(seeds):
    rng = np.random.default_rng(seeds)
    y = rng.normal(size=(4000, 8, seeds)) * 0.01 + rng.normal(size=(4000, 1, seeds))
    assert (equal_spread_p(y) < 0.05).mean() == pytest.approx(0.05, abs=0.012)


def test_a_gross_difference_of_spread_is_found():
    rng = np.random.default_rng(2)
    spread = np.array([1.0] * 7 + [25.0])[:, None]
    assert (equal_spread_p(rng.normal(size=(500, 8, 5)) * spread) < 0.05).mean() > 0.95


def test_games_howell_is_the_published_test_without_a_shared_level():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(5, 6)) * np.array([[1], [1], [3], [0.2], [1]]) + np.arange(5)[:, None]
    found = games_howell(y)
    published = stats.tukey_hsd(*seed_centred(y), equal_var=False)
    np.testing.assert_array_equal(found, (published.pvalue < 0.05) & ~np.eye(5, dtype=bool))
    assert 0 < found.sum() < 20
    assert not found.diagonal().any()


def test_letters_say_exactly_which_pairs_differ():
    rng = np.random.default_rng(4)
    for _ in range(50):
        upper = np.triu(rng.random((6, 6)) < 0.4, 1)
        different = upper | upper.T
        shown = letters(rng.normal(size=6), different, lower_is_better=True)
        for i in range(6):
            for j in range(i):
                assert bool(set(shown[i]) & set(shown[j])) != different[i, j]


def test_letters_of_one_threshold_are_tukeys():
    means = np.array([0.3, 0.1, 0.15, 0.4, 0.42])
    different = np.abs(means[:, None] - means) > 0.12
    for lower in (True, False):
        assert letters(means, different, lower_is_better=lower) == tie_groups(
            means, 0.12, lower_is_better=lower
        )


def test_standard_errors_are_right_on_average():
    rng = np.random.default_rng(5)
    boards, seeds, images = 4000, 4, 30
    seed = rng.normal(size=(boards, seeds, 1)) * 0.5
    image = rng.normal(size=(boards, 1, images)) * 3
    scores = seed + image + rng.normal(size=(boards, seeds, images))
    these, sample = standard_errors(scores)
    means = scores.mean(axis=(-2, -1))
    assert np.square(these).mean() == pytest.approx(0.25 / 4 + 1 / 120, rel=0.05)
    assert np.square(sample).mean() == pytest.approx(means.var(), rel=0.06)
    assert (sample >= these).all()
