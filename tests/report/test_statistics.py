"""The table's statistics against other libraries, published tables and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from srbench.report.statistics import (
    critical_range,
    detectable_difference,
    image_bootstrap,
    pair_power,
    residual_variance,
    stated_difference,
    t_interval,
    tie_groups,
    tukey,
)

# Upper 5 % points of the studentized range, as printed in textbooks (Montgomery, table VII).
PUBLISHED = [(2, 10, 3.15), (3, 10, 3.88), (4, 20, 3.96), (8, 14, 4.99), (10, 60, 4.65)]


@pytest.mark.parametrize(("losses", "degrees", "value"), PUBLISHED)
def test_critical_range_matches_published_tables(losses, degrees, value):
    assert critical_range(losses, degrees) == pytest.approx(value, abs=0.006)


def test_residual_variance_is_that_of_the_two_way_additive_model():
    import statsmodels.formula.api as smf

    y = np.random.default_rng(3).normal(size=(6, 4)) + np.arange(6)[:, None]
    table = pd.DataFrame(
        [(loss, seed, y[loss, seed]) for loss in range(6) for seed in range(4)],
        columns=["loss", "seed", "y"],
    )
    fit = smf.ols("y ~ C(loss) + C(seed)", table).fit()
    assert float(residual_variance(y)) == pytest.approx(fit.mse_resid, rel=1e-10)
    assert tukey(y).degrees == int(fit.df_resid) == 15


def test_threshold_is_the_textbook_formula():
    y = np.random.default_rng(4).normal(size=(5, 3))
    result = tukey(y)
    critical = stats.studentized_range.ppf(0.95, 5, 8)
    assert result.threshold == pytest.approx(critical * math.sqrt(result.residual_variance / 3))


def test_seed_effects_do_not_change_the_threshold():
    y = np.random.default_rng(5).normal(size=(4, 3))
    assert tukey(y + np.array([0.0, 50.0, -70.0])).threshold == pytest.approx(tukey(y).threshold)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_residual_variance_needs_two_losses_and_two_seeds(shape):
    with pytest.raises(ValueError, match="at least 2"):
        residual_variance(np.zeros(shape))


@pytest.mark.parametrize(("losses", "seeds"), [(8, 3), (8, 5), (3, 4), (20, 3)])
@pytest.mark.parametrize("noncentrality", [0.5, 2.0, 4.0])
def test_pair_power_is_the_noncentral_t(losses, seeds, noncentrality):
    degrees = (losses - 1) * (seeds - 1)
    limit = critical_range(losses, degrees) / math.sqrt(2)
    expected = stats.nct.sf(limit, degrees, noncentrality)
    expected += stats.nct.cdf(-limit, degrees, noncentrality)
    assert pair_power(noncentrality, losses, degrees) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("losses", "seeds"), [(2, 2), (2, 3), (8, 3), (50, 5)])
def test_detectable_difference_has_80_percent_power(losses, seeds):
    variance = 0.09
    noncentrality = detectable_difference(variance, losses, seeds) / math.sqrt(2 * variance / seeds)
    power = pair_power(noncentrality, losses, (losses - 1) * (seeds - 1))
    assert power == pytest.approx(0.8, abs=1e-9)


def test_stated_difference_is_right_on_average():
    degrees, generator = 14, np.random.default_rng(6)
    variances = generator.chisquare(degrees, 200_000) / degrees * 0.04
    stated = stated_difference(variances, 8, 3)
    assert stated.mean() == pytest.approx(float(detectable_difference(0.04, 8, 3)), rel=0.002)


def test_t_interval_is_scipys():
    y = np.random.default_rng(7).normal(size=5)
    low, high = t_interval(y)
    expected = stats.t.interval(0.95, 4, loc=y.mean(), scale=stats.sem(y))
    assert (float(low), float(high)) == pytest.approx(expected)


def test_t_interval_needs_two_seeds():
    with pytest.raises(ValueError, match="at least 2 seeds"):
        t_interval(np.zeros((3, 1)))


def test_bootstrap_matches_scipys():
    values = np.random.default_rng(8).gamma(2.0, size=60)
    low, high = image_bootstrap(values)
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (float(low), float(high)) == pytest.approx((reference.low, reference.high), rel=0.03)


def test_bootstrap_is_the_same_every_time_and_exact_for_constants():
    values = np.full((2, 7), 28.43)
    low, high = image_bootstrap(values)
    assert np.array_equal(low, high)
    assert low == pytest.approx([28.43, 28.43], abs=0)
    noisy = np.random.default_rng(9).normal(size=(3, 7))
    assert np.array_equal(image_bootstrap(noisy), image_bootstrap(noisy))


def test_bootstrap_needs_two_images():
    with pytest.raises(ValueError, match="at least 2 images"):
        image_bootstrap(np.zeros((4, 1)))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(-60, 60), min_size=1, max_size=25),
    st.integers(0, 60),
    st.booleans(),
)
def test_rows_share_a_letter_exactly_if_they_are_not_called_different(values, threshold, lower):
    means = np.array(values, dtype=float)
    letters = tie_groups(means, float(threshold), lower_is_better=lower)
    for i in range(len(means)):
        for j in range(len(means)):
            different = abs(means[i] - means[j]) > threshold
            assert bool(set(letters[i]) & set(letters[j])) == (not different)


def test_best_row_has_the_first_letter():
    means = np.array([3.0, 1.0, 2.0])
    assert tie_groups(means, 0.5, lower_is_better=True) == ["c", "a", "b"]
    assert tie_groups(means, 0.5, lower_is_better=False) == ["a", "c", "b"]
    assert tie_groups(means, 1.0, lower_is_better=True) == ["b", "a", "ab"]


def test_many_groups_stay_distinct():
    letters = tie_groups(np.arange(60.0), 0.5, lower_is_better=True)
    assert len(set(letters)) == 60
    assert letters[0] == "a"
    assert letters[52] == "(53)"
