"""The convergence verdict on curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.records import CurvePoint
from srbench.report import build_leaderboard
from srbench.report.convergence import curve_verdict, detectable_drift
from srbench.report.statistics import tukey


def _curve(values):
    return [CurvePoint(iteration=100 * i, scores={"lpips": float(v)}) for i, v in enumerate(values)]


STEPS = np.arange(31)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (0.2 + 0.1 * np.exp(-STEPS / 3), "settled"),
        (0.3 - 0.003 * STEPS, "not-converged"),
        (0.3 + 0.003 * STEPS, "not-converged"),
        (np.full(31, 0.2), "settled"),
        (0.2 + 0.01 * (-1.0) ** STEPS, "settled"),
        (0.2 + 0.1 * np.exp(-STEPS / 20), "not-converged"),
    ],
)
def test_verdicts(values, verdict):
    assert curve_verdict(_curve(values), "lpips") == verdict


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_few_points_give_no_verdict(count):
    assert curve_verdict(_curve(0.3 - 0.01 * np.arange(count)), "lpips") == "unknown"


def test_other_metrics_do_not_count():
    assert curve_verdict(_curve(STEPS), "psnr") == "unknown"


def test_noise_alone_is_rarely_called_movement():
    generator = np.random.default_rng(0)
    verdicts = [curve_verdict(_curve(generator.normal(size=31)), "lpips") for _ in range(400)]
    assert verdicts.count("not-converged") / 400 < 0.03


def test_a_drift_that_no_table_could_show_is_none():
    drifting = _curve(0.3 - 0.003 * STEPS)  # 0.03 over its last third
    assert curve_verdict(drifting, "lpips", tolerance=0.04) == "settled"
    assert curve_verdict(drifting, "lpips", tolerance=0.02) == "not-converged"
    flat = _curve(np.where(STEPS < 2, 0.3, 0.2001 - 1e-5 * STEPS))  # a tenth of its range is 0.01
    assert curve_verdict(flat, "lpips") == "settled"
    assert curve_verdict(flat, "lpips", tolerance=1e-5) == "not-converged"


def test_the_tolerance_is_what_the_last_validation_scores_could_show(three_seeds):
    rows = {}
    for record in three_seeds:
        if record.loss.terms:
            rows.setdefault(record.loss.label, []).append(record)
    last = [[r.validation[-1].scores["lpips"] for r in row] for row in rows.values()]
    expected = tukey(np.array(last)).detectable
    assert detectable_drift(list(rows.values()), "lpips", 3) == pytest.approx(expected)
    assert detectable_drift(list(rows.values()), "lpips", 1) is None
    assert build_leaderboard(three_seeds)
