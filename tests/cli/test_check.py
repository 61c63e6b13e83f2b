"""``srbench check``: outcomes, exit status, JSON, and what NAME may be."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from srbench.checks.outcome import CheckResult, LossReport
from srbench.cli import cli


@pytest.fixture
def run():
    def invoke(*arguments):
        return CliRunner().invoke(cli, ["check", *arguments])

    return invoke


@pytest.fixture
def fake_worker(monkeypatch):
    """Takes the place of the process that runs the checks; notes what it was asked for."""
    calls = []

    def run_checks(loss, *, distribution, progress, **options):
        calls.append((loss, distribution, options))
        failed = loss == "l2"
        results = (
            CheckResult(name="builds", outcome="passed"),
            CheckResult(name="odd-sizes", outcome="failed" if failed else "skipped", detail="so"),
        )
        for result in results:
            progress(result)
        kind = "seeded" if options["seeded"] else "none"
        return LossReport(loss=loss, distribution=distribution, weights=kind, checks=results)

    monkeypatch.setattr("srbench.checks.runner.run_checks", run_checks)
    return calls


def test_one_loss(run, fake_worker):
    result = run("l1")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "l1 (srbench-core)",
        "  passed   builds",
        "  skipped  odd-sizes  so",
        "l1: passed (1 passed, 1 skipped; weights: none)",
    ]


def test_json_is_one_document_for_a_loss_and_a_list_for_a_distribution(run, fake_worker):
    result = run("l1", "--json")
    assert json.loads(result.stdout)["checks"][0] == {
        "name": "builds",
        "outcome": "passed",
        "detail": "",
    }
    several = run("srbench-core", "--json")
    documents = json.loads(several.stdout)
    assert {"l1", "l2", "charbonnier"} <= {document["loss"] for document in documents}
    assert several.exit_code == 1


def test_a_failed_check_is_exit_status_1(run, fake_worker):
    result = run("l2")
    assert result.exit_code == 1
    assert "l2: FAILED (1 passed, 1 failed; weights: none)" in result.stdout


def test_options_reach_the_worker(run, fake_worker):
    arguments = ["--set", "taps={a = 1}", "--set", "tap=relu2_2", "--only", "builds"]
    result = run("charbonnier,epsilon=0.5", *arguments, "--time-limit", "7", "--seeded-weights")
    assert fake_worker == [
        (
            "charbonnier",
            "srbench-core",
            {
                "params": {"epsilon": 0.5, "taps": {"a": 1}, "tap": "relu2_2"},
                "only": ("builds",),
                "time_limit": 7.0,
                "seeded": True,
            },
        )
    ]
    assert "charbonnier: seeded random weights" in result.stderr
    assert "NOT the pretrained ones)" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["charbonier"], "did you mean 'charbonnier'?"),
        (["l1", "--set", "tap"], "expected KEY=VALUE, got 'tap'"),
        (["l1", "--time-limit", "0"], "expected a positive time limit"),
    ],
)
def test_mistakes_are_exit_status_2(arguments, message, run):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout in ("", "l1 (srbench-core)\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["l1", "--only", "odd-size"], "did you mean 'odd-sizes'"),
        (["charbonnier", "--set", "epsilom=1"], "unknown parameter 'epsilom'"),
    ],
)
def test_mistakes_that_the_worker_finds_are_exit_status_2(arguments, message, run):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.slow
def test_a_real_worker(run):
    result = run("charbonnier", "--json", "--only", "batch-mean", "--only", "odd-sizes")
    assert result.exit_code == 0, result.stdout
    document = json.loads(result.stdout)
    assert document["passed"] is True
    assert document["weights"] == "none"
    assert [check["name"] for check in document["checks"]] == ["batch-mean", "odd-sizes"]
