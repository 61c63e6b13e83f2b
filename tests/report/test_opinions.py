"""Agreement with people: closed forms of simulated studies, and what resampling covers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from srbench.report.opinions import agreement


def study(rng, references=60, images=8, human=0.5, metric=0.8):
    """Quality plus noise of people and of a metric: normal, so that agreement has a closed form.

    Correlation of the two within a reference: 1 / sqrt((1 + human^2) (1 + metric^2)).
    """
    quality = rng.normal(size=(references, images))
    people = quality + human * rng.normal(size=quality.shape) + 3 * rng.normal(size=(references, 1))
    scores = quality + metric * rng.normal(size=quality.shape)
    names = [[f"r{i}-{j}" for j in range(images)] for i in range(references)]
    flat = list(itertools.chain(*names))
    return {
        "metric": dict(zip(flat, -scores.ravel(), strict=True)),  # lower is better
        "references": {name: name.split("-")[0] for name in flat},
        "scores": dict(zip(flat, people.ravel(), strict=True)),
        "rho": 1 / math.sqrt((1 + human**2) * (1 + metric**2)),
    }


def judged(made, **more):
    return agreement(
        made["metric"], made["references"], lower_is_better=True, scores=made["scores"], **more
    )


def closed_forms(rho, images=8):
    """Pairwise accuracy (Sheppard), Spearman's (Moran 1948) and Kendall's correlation."""
    accuracy = 0.5 + math.asin(rho) / math.pi
    spearman = 6 / (math.pi * (images + 1)) * (math.asin(rho) + (images - 2) * math.asin(rho / 2))
    return accuracy, spearman, 2 * accuracy - 1


def test_a_large_study_has_the_closed_forms():
    made = study(np.random.default_rng(0), references=1500)
    found = judged(made)
    accuracy, spearman, kendall = closed_forms(made["rho"])
    assert found.accuracy.value == pytest.approx(accuracy, abs=0.01)
    assert found.srcc.value == pytest.approx(spearman, abs=0.015)
    assert found.krcc.value == pytest.approx(kendall, abs=0.015)
    assert found.ceiling == 1.0
    assert found.accuracy.count == 1500 * 28
    assert found.references == 1500


def test_accuracy_grows_with_the_gap_as_it_must():
    made = study(np.random.default_rng(1), references=1500)
    found = judged(made, gaps=[0.5, 2.0])
    rho, deviation = made["rho"], math.sqrt(2 * (1 + 0.8**2))
    factor = rho / math.sqrt(1 - rho**2) / deviation  # P(agree | gap g) = Phi(factor g)
    for item in (*found.by_gap, *found.at):
        inside = stats.norm.cdf(factor * np.array([item.low, item.high]))
        assert inside[0] - 0.02 < item.accuracy.value < inside[1] + 0.02
    assert len(found.by_gap) == 10
    assert sum(item.accuracy.count for item in found.by_gap) == found.accuracy.count


def test_intervals_hold_the_truth():
    rng = np.random.default_rng(2)
    held = []
    for _ in range(100):
        made = study(rng, references=30, images=5)
        found = judged(made)
        truths = closed_forms(made["rho"], images=5)
        held.append(
            [e.low <= t <= e.high
             for e, t in zip((found.accuracy, found.srcc, found.krcc), truths, strict=True)]
        )  # fmt: skip
    assert (np.mean(held, axis=0) > 0.87).all()  # 95 % less what 30 references and 100 studies cost
    assert np.mean(held) < 0.995


def test_the_level_of_a_reference_does_not_count():
    made = study(np.random.default_rng(3))
    moved = {name: value + 100 * int(made["references"][name][1:])
             for name, value in made["metric"].items()}  # fmt: skip
    assert judged({**made, "metric": moved}).accuracy == judged(made).accuracy


def test_choices_count_the_people_who_agree():
    references = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "c", "c2": "c"}
    metric = {"a1": 3.0, "a2": 1.0, "b1": 1.0, "b2": 2.0, "c1": 5.0, "c2": 5.0}
    choices = [("a1", "a2", 0.9), ("b1", "b2", 0.7), ("c1", "c2", 0.2)]
    found = agreement(metric, references, lower_is_better=False, choices=choices)
    assert found.accuracy.value == pytest.approx((0.9 + 0.3 + 0.5) / 3)
    assert found.ceiling == pytest.approx((0.9 + 0.7 + 0.8) / 3)
    assert found.srcc is None
    flipped = agreement(metric, references, lower_is_better=True, choices=choices)
    assert flipped.accuracy.value == pytest.approx((0.1 + 0.7 + 0.5) / 3)


def test_a_constant_metric_orders_nothing():
    made = study(np.random.default_rng(4), references=5)
    found = judged({**made, "metric": dict.fromkeys(made["metric"], 1.0)})
    assert (found.accuracy.value, found.srcc.value, found.krcc.value) == (0.5, 0.0, 0.0)


def test_a_gap_that_no_pair_has_says_so():
    found = judged(study(np.random.default_rng(5), references=5), gaps=[1e6])
    assert found.at[0].accuracy.count == 0
    assert math.isnan(found.at[0].accuracy.value)


def test_what_cannot_be_compared_is_an_error():
    made = study(np.random.default_rng(6), references=1)
    with pytest.raises(ValueError, match="two or more references"):
        judged(made)
    with pytest.raises(ValueError, match="one of the two"):
        agreement(made["metric"], made["references"], lower_is_better=True)
