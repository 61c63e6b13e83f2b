"""Curves read at equal distortion: closed forms, and what is not reached."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.report.budget import Curves, coefficient_at, dominated_area, quality_at

COEFFICIENTS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def curve(strength, gain=0.1, warm=(28.0, 0.30), coefficients=COEFFICIENTS):
    """PSNR falls by (strength c)^2 dB, quality by gain x sqrt(fall): equal at equal distortion."""
    x = np.asarray(strength)[..., None] * coefficients
    return Curves(coefficients=coefficients, psnr=warm[0] - x**2, quality=warm[1] - gain * x)


def test_a_straight_curve_is_read_exactly():
    line = Curves(
        coefficients=COEFFICIENTS, psnr=28 - 2 * COEFFICIENTS, quality=0.3 - 0.1 * COEFFICIENTS
    )
    for budget in (-0.25, -0.5, -1.0, -1.9, -2.0):
        assert coefficient_at(line, budget) == pytest.approx(-budget / 2, abs=1e-12)
        assert quality_at(line, budget) == pytest.approx(0.3 + 0.05 * budget, abs=1e-12)


def test_points_are_read_where_they_are():
    rng = np.random.default_rng(0)
    psnr = 28 - np.cumsum(np.r_[0, rng.uniform(0.1, 0.5, 4)])
    points = Curves(coefficients=COEFFICIENTS, psnr=psnr, quality=rng.uniform(0.1, 0.3, 5))
    for k in range(1, 5):
        assert quality_at(points, psnr[k] - psnr[0]) == pytest.approx(points.quality[k], abs=1e-9)


@pytest.mark.parametrize("budget", [-0.25, -0.5, -1.0])
def test_strength_does_not_change_quality_at_equal_distortion(budget):
    strengths = np.linspace(1.02, 2.5, 30)
    read = quality_at(curve(strengths), budget)
    exact = 0.30 - 0.1 * np.sqrt(-budget)
    np.testing.assert_allclose(read, exact, atol=1e-12)  # a parabola is interpolated exactly


def test_a_curve_that_is_no_parabola_is_read_closely():
    # Twenty points say what five should have: the losses differ by 0.15 at full strength.
    fine = np.linspace(0, 1, 21)

    def bent(coefficients):
        x = np.linspace(1.05, 2.5, 30)[:, None] * coefficients
        fall = 0.2 * x + 0.7 * x**2 + 0.1 * x**3
        return Curves(coefficients=coefficients, psnr=28 - fall, quality=0.3 - 0.1 * np.sin(x / 2))

    for budget in (-0.25, -0.5, -1.0):
        coarse, true = (quality_at(bent(c), budget) for c in (COEFFICIENTS, fine))
        assert np.abs(coarse - true).max() < 5e-4


def test_what_lies_beyond_the_curve_is_not_reached():
    read = quality_at(curve([0.5, 0.9, 1.0, 2.0]), -1.0)
    assert np.isnan(read[:2]).all()
    assert read[2:] == pytest.approx([0.2, 0.2], abs=1e-12)
    assert np.isnan(coefficient_at(curve([0.5]), -0.2501)).all()


def test_the_first_fall_counts_where_psnr_comes_back():
    wave = Curves(
        coefficients=COEFFICIENTS,
        psnr=np.array([28.0, 28.2, 27.4, 27.8, 27.0]),
        quality=np.array([0.30, 0.28, 0.20, 0.18, 0.10]),
    )
    assert 0.25 < coefficient_at(wave, -0.5) < 0.5
    assert 0.20 < quality_at(wave, -0.5) < 0.28


def test_batches_are_read_one_by_one():
    rng = np.random.default_rng(1)
    strengths = rng.uniform(0.3, 2.0, (3, 4))
    together = quality_at(curve(strengths), -0.5)
    alone = [[quality_at(curve(s), -0.5) for s in row] for row in strengths]
    np.testing.assert_array_equal(together, np.array(alone))


def test_the_dominated_area_has_its_closed_form():
    # Mean over d in [0, D] of gain sqrt(d) is gain 2/3 sqrt(D).
    area = dominated_area(curve([1.2, 2.0]), 1.0, lower_is_better=True)
    assert area == pytest.approx([0.1 * 2 / 3] * 2, abs=1e-4)
    higher = curve([1.2])
    flipped = Curves(coefficients=COEFFICIENTS, psnr=higher.psnr, quality=-higher.quality)
    assert dominated_area(flipped, 1.0, lower_is_better=False) == pytest.approx(area[:1], abs=1e-12)


def test_a_curve_that_turns_back_keeps_the_best_it_had():
    there_and_back = Curves(
        coefficients=COEFFICIENTS,
        psnr=28 - 2 * COEFFICIENTS,
        quality=np.array([0.3, 0.2, 0.3, 0.3, 0.3]),
    )
    area = float(dominated_area(there_and_back, 2.0, lower_is_better=True))
    assert 0.086 < area <= 0.1  # 0.0875 by straight lines; without what it had, below 0.03


def test_malformed_curves_are_errors():
    scores = np.zeros(3)
    with pytest.raises(ValueError, match="increasing coefficients from 0"):
        Curves(coefficients=np.array([0.25, 0.5, 1.0]), psnr=scores, quality=scores)
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 3\)"):
        Curves(coefficients=np.array([0, 0.5, 1.0]), psnr=np.zeros(2), quality=np.zeros(2))
    with pytest.raises(ValueError, match="finite score"):
        Curves(coefficients=np.array([0, 0.5, 1.0]), psnr=scores, quality=scores * np.nan)
    with pytest.raises(ValueError, match="negative budget"):
        quality_at(curve(1.0), 0.5)
