"""The bookkeeping of the benchmarks; no test here depends on how fast anything is."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location(
    "srbench_perf_figures", Path(__file__).with_name("figures.py")
)
figures = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = figures  # dataclasses look their module up
SPEC.loader.exec_module(figures)
Figure = figures.Figure


@pytest.mark.parametrize(
    ("value", "target", "better", "met"),
    [
        (0.6, 0.6, "lower", True),
        (0.61, 0.6, "lower", False),
        (1.7, 1.7, "higher", True),
        (1.69, 1.7, "higher", False),
        (3.0, None, "lower", None),
    ],
)
def test_a_figure_knows_whether_it_met_its_target(value, target, better, met):
    assert Figure("x", value, target, better=better).met is met


def test_the_sides_take_turns_and_change_their_order():
    calls = []
    seconds = figures.measure_sides(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3, warmup=1
    )
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert [len(times) for times in seconds.values()] == [3, 3]


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    # In the third round the machine was busy: for both sides.
    ratio = figures.ratio_of([1.0, 1.1, 10.0], [2.0, 2.0, 20.0])
    assert ratio.ratio == 0.5
    assert (ratio.a_seconds, ratio.b_seconds) == (1.1, 2.0)


def test_records_are_merged_with_the_machine(tmp_path):
    path = tmp_path / "runs" / "bench.json"
    figures.record({"a": Figure("a", 1.0, 2.0)}, path)
    figures.record([Figure("b", 3.0, 2.0)], path)
    content = json.loads(path.read_text())
    assert content["a"]["met"] is True
    assert (content["b"]["value"], content["b"]["target"], content["b"]["met"]) == (3.0, 2.0, False)
    assert content["machine"]["cores"] >= 1
    assert "load_average" in content["machine"]


def test_figures_of_another_machine_are_dropped(tmp_path):
    path = tmp_path / "bench.json"
    figures.record([Figure("old", 1.0)], path)
    content = json.loads(path.read_text())
    content["machine"]["cpu"] = "another"
    path.write_text(json.dumps(content))
    figures.record([Figure("new", 1.0)], path)
    assert set(json.loads(path.read_text())) == {"machine", "new"}


def test_the_table_says_what_was_missed(capsys):
    met = figures.print_figures({"a": Figure("a", 3.0, 2.0).document()})
    assert met is False
    assert "missed" in capsys.readouterr().out


@pytest.mark.parametrize(("strict", "status"), [([], 0), (["--strict"], 1)])
def test_a_missed_target_fails_only_when_asked_to(tmp_path, monkeypatch, strict, status):
    arguments = ["bench", "--output", str(tmp_path / "bench.json"), *strict]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        figures.run_benchmark(lambda quick: [Figure("a", 3.0, 2.0)])
    assert stop.value.code == status
