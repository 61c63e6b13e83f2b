"""The probe's figures against outcomes: closed forms, and the published records."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from srbench.cli import cli
from srbench.probe.against import associate, largest_table, outcomes, spearman
from srbench.records import read_records

LEADERBOARD = Path(__file__).resolve().parents[2] / "leaderboard"


def test_an_interval_holds_the_correlation_as_often_as_it_says():
    rng = np.random.default_rng(0)
    rho = 0.6
    true = 6 / math.pi * math.asin(rho / 2)  # of a bivariate normal
    held = []
    for _ in range(1500):
        x = rng.normal(size=12)
        y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=12)
        value, low, high = spearman(x, y)
        assert value == pytest.approx(stats.spearmanr(x, y).statistic)
        held.append(low <= true <= high)
    assert 0.92 < np.mean(held) < 0.98


def test_what_has_no_correlation_or_no_interval_says_so():
    assert spearman([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]) == (None, None, None)
    value, low, high = spearman([1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0])
    assert (round(value, 12), low, high) == (-1.0, None, None)


def test_rows_count_where_both_are_known():
    probes = {label: {"reach": float(i), "odd": 1.0} for i, label in enumerate("abcde")}
    probes["f"] = {"odd": 2.0}
    results = {
        ("set", "lpips"): {label: float(i * i) for i, label in enumerate("abcdef")},
        ("set", "niqe"): {"a": 1.0, "b": 2.0, "c": 3.0},
    }
    found = {item.figure: item for item in associate(probes, results)}
    assert set(found) == {"reach", "odd"}
    assert (found["reach"].rows, found["odd"].rows) == (5, 6)
    assert found["reach"].spearman == pytest.approx(1.0)
    assert all(item.metric == "lpips" for item in found.values())


def test_outcomes_are_means_over_seeds_of_what_a_loss_trained():
    records = list(read_records([LEADERBOARD]))
    found = outcomes(largest_table(records))["bsdt20", "lpips"]
    assert {"bicubic", "warm-start", "hr"}.isdisjoint(found)
    mine = [r for r in records if r.loss.label == "vgg16-conv4_3" and r.suite.version == 3]
    means = [r.scores["bsdt20"].metrics["lpips"].mean for r in mine]
    assert len(means) == 5, "earlier versions are other tables"
    assert found["vgg16-conv4_3"] == pytest.approx(np.mean(means))


def test_losses_and_against_exclude_each_other():
    for arguments in (["probe"], ["probe", "l2", "--against", str(LEADERBOARD)]):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        assert "either losses to probe, or --against" in result.output


@pytest.mark.slow
@pytest.mark.network
def test_the_published_study_is_correlated_with_its_probe():
    result = CliRunner().invoke(cli, ["probe", "--against", str(LEADERBOARD), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    rows = [
        item for item in document["correlations"]
        if (item["dataset"], item["metric"]) == ("bsdt20", "lpips")
    ]  # fmt: skip
    assert {item["figure"] for item in rows} >= {"checkerboard_excess", "sensitivity.shift"}
    assert all(item["rows"] == len(document["probes"]) for item in rows)
    assert all(item["low"] < item["spearman"] < item["high"] for item in rows if item["low"])
