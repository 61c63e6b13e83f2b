"""The headline on simulated curves: known order, identical curves, power, what is not reached."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.report.budget import Curves, quality_at
from srbench.report.headline import (
    Strength,
    any_pair_differs,
    headline_family,
    read_label,
    shared_area,
)
from srbench.report.resampling import ImageCurves, resample_at
from srbench.report.statistics import (
    detectable_difference,
    residual_variance,
    tukey_threshold,
)

COEFFICIENTS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
BUDGET = -0.5


def simulated(rng, gains, *, seeds, boards=1, noise=0.004, strengths=(0.9, 2.2)):
    """Boards of curves with the same quality at equal distortion up to the labels' gains.

    A label's strength, drawn anew for every board, decides how far its curve goes and nothing
    else; networks differ in gain from seed to seed, seeds share a warm start.
    """
    gains = np.asarray(gains, dtype=float)
    shape = (boards, len(gains), seeds)
    strength = rng.uniform(*strengths, (boards, len(gains), 1, 1))
    strength = strength * rng.uniform(0.95, 1.05, (*shape, 1))
    gain = 0.09 + gains[:, None] + rng.normal(0, noise, shape)
    warm = rng.normal(0, 0.02, (boards, 1, seeds, 1))
    walked = strength * COEFFICIENTS
    return Curves(
        coefficients=COEFFICIENTS,
        psnr=28.2 + 5 * warm - walked**2,
        quality=0.30 + warm - gain[..., None] * (walked - 0.1 * walked**2),
    )


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_identical_curves_are_rarely_called_different(seeds):
    curves = simulated(np.random.default_rng(seeds), np.zeros(7), seeds=seeds, boards=2000)
    y = quality_at(curves, BUDGET)
    assert np.isfinite(y).all()
    assert 0.03 <= any_pair_differs(y).mean() <= 0.07
    # At one strength, which is what the tables showed, nearly every board has a difference.
    assert any_pair_differs(curves.quality[..., -1]).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_the_stated_difference_is_found_with_the_stated_power(seeds):
    rng = np.random.default_rng(10 + seeds)
    noise = 0.004
    # What a difference of gain is at the budget, where the curve has walked sqrt(0.5).
    walked = np.sqrt(-BUDGET)
    factor = walked - 0.1 * walked**2
    difference = detectable_difference((noise * factor) ** 2, 7, seeds)
    gains = np.r_[difference / factor, np.zeros(6)]
    found = []
    for _ in range(8):
        y = quality_at(simulated(rng, gains, seeds=seeds, boards=250, noise=noise), BUDGET)
        means = y.mean(axis=-1)
        threshold = tukey_threshold(residual_variance(y), 7, seeds)
        found.append(np.abs(means[:, 0] - means[:, 1]) > threshold)
    assert 0.77 <= np.mean(found) <= 0.83


def test_a_known_order_is_recovered_at_arbitrary_strengths():
    rng = np.random.default_rng(0)
    gains = np.array([0.0, 0.02, -0.02, 0.04, -0.04])
    curves = simulated(rng, gains, seeds=3, boards=200)
    order = np.argsort(quality_at(curves, BUDGET).mean(axis=-1), axis=-1)
    right = (order == np.argsort(-gains)).all(axis=-1).mean()
    assert right > 0.97
    at_one_strength = np.argsort(curves.quality[..., -1].mean(axis=-1), axis=-1)
    assert (at_one_strength == np.argsort(-gains)).all(axis=-1).mean() < 0.5


def one(curves, label):
    """The curves of one label of the first board, ``(S,)``."""
    return Curves(
        coefficients=curves.coefficients,
        psnr=curves.psnr[0, label],
        quality=curves.quality[0, label],
    )


def strengths_of(rng, gain, reach, seeds=3):
    """Strengths of one label as test and validation curves."""
    return tuple(
        Strength(
            value=value,
            test=one(simulated(rng, [gain], seeds=seeds, strengths=(s, s)), 0),
            validation=one(simulated(rng, [gain], seeds=seeds, strengths=(s, s)), 0),
        )
        for value, s in reach.items()
    )


def test_a_family_names_its_groups_and_what_is_not_reached():
    rng = np.random.default_rng(1)
    labels = {
        "good": strengths_of(rng, 0.05, {1.0: 1.5}),
        "plain": strengths_of(rng, 0.0, {1.0: 1.2}),
        "like-it": strengths_of(rng, 0.0, {1.0: 2.0}),
        "timid": strengths_of(rng, 0.09, {1.0: 0.5}),
    }
    family = headline_family(labels, BUDGET, lower_is_better=True, primary=True)
    assert family.compared == ("good", "plain", "like-it")
    assert np.isnan(family.readings["timid"].values).all()
    assert family.readings["timid"].strength is None
    assert family.groups["good"] == "a"
    assert family.groups["plain"] == family.groups["like-it"] == "b"
    assert "timid" not in family.groups
    assert family.tukey is not None
    assert family.tukey.losses == 3
    assert family.primary


def test_one_seed_is_not_tested():
    rng = np.random.default_rng(2)
    labels = {name: strengths_of(rng, 0.0, {1.0: 1.2}, seeds=1) for name in "ab"}
    family = headline_family(labels, BUDGET, lower_is_better=True)
    assert family.tukey is None
    assert "one seed" in family.why_not
    assert family.groups == {}
    assert not family.primary


def test_validation_chooses_among_the_strengths_that_reach_the_budget():
    rng = np.random.default_rng(3)
    weak, good, strong = (
        strengths_of(rng, gain, {value: reach})[0]
        for value, gain, reach in ((0.3, 0.08, 0.5), (1.0, 0.05, 1.2), (3.0, 0.0, 2.0))
    )
    reading = read_label((weak, good, strong), BUDGET, lower_is_better=True)
    assert reading.strength == 1.0
    assert not reading.at_edge
    np.testing.assert_array_equal(reading.values, quality_at(good.test, BUDGET))
    edge = read_label((good, strong), BUDGET, lower_is_better=True)
    assert edge.strength == 1.0
    assert edge.at_edge


def test_a_strength_that_only_validation_reaches_stays_not_reached():
    rng = np.random.default_rng(4)
    far, near = strengths_of(rng, 0.05, {1.0: 1.5, 2.0: 0.5})
    mixed = Strength(value=1.0, test=near.test, validation=far.validation)
    reading = read_label((mixed,), BUDGET, lower_is_better=True)
    assert reading.strength == 1.0
    assert not reading.reached
    assert np.isnan(reading.values).all()


def test_areas_cover_what_all_losses_share():
    rng = np.random.default_rng(5)
    curves = simulated(rng, [0.03, 0.0], seeds=3, strengths=(1.0, 1.5))
    labels = {"good": one(curves, 0), "plain": one(curves, 1)}
    depth, areas = shared_area(labels, lower_is_better=True)
    assert depth == pytest.approx(min(c.depth.min() for c in labels.values()))
    assert (areas["good"] > areas["plain"]).all()
    flat = Curves(coefficients=COEFFICIENTS, psnr=np.full((3, 5), 28.0), quality=np.zeros((3, 5)))
    assert shared_area({**labels, "flat": flat}, lower_is_better=True) == (0.0, {})


def per_image(rng, gains, seeds=3, images=40):
    curves = simulated(rng, gains, seeds=seeds, strengths=(1.2, 2.0))
    spread = rng.normal(0, 0.05, images)
    return ImageCurves(
        coefficients=COEFFICIENTS,
        psnr=curves.psnr[0][..., None] + 20 * spread,
        quality=curves.quality[0][..., None] + spread,
    )


def test_resampling_names_the_better_loss():
    result = resample_at(
        per_image(np.random.default_rng(6), [0.05, 0.0, 0.0]), BUDGET, lower_is_better=True
    )
    assert result.best.sum() == pytest.approx(1.0)
    assert result.best[0] > 0.99
    assert result.improvement[0, 1] == 1.0
    assert np.allclose(result.improvement + result.improvement.T, 1.0)
    assert (result.low <= result.improvement).all()
    assert (result.improvement <= result.high).all()
    assert result.used == result.drawn == 2000


def test_resampling_leaves_out_resamples_that_do_not_reach_the_budget():
    curves = per_image(np.random.default_rng(7), [0.0, 0.0])
    fall = np.where(np.arange(40) < 20, 0.0, 1.1)  # half of the images do not fall at all
    psnr = 28 - fall * COEFFICIENTS[:, None] * np.ones((2, 3, 1, 1))
    halved = ImageCurves(coefficients=COEFFICIENTS, psnr=psnr, quality=curves.quality)
    result = resample_at(halved, BUDGET, lower_is_better=True)
    assert 0 < result.used < result.drawn
    with pytest.raises(ValueError, match="all reach the budget"):
        resample_at(halved, -0.6, lower_is_better=True)
