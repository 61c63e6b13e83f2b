"""Names, strict expected failures, and the decorator for plugins' tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from srbench.checks import CHECKS, CheckResult, LossReport, check_names, loss_checks
from srbench.checks.outcome import judge, some
from srbench.errors import SuiteError, UnknownName

DOCS = Path(__file__).parents[2] / "docs"


def outcome(spec, name):
    (check,) = loss_checks(spec, only=[name])
    return check.result()


def test_names_are_unique_and_every_check_says_what_it_asks_for():
    names = check_names()
    assert len(set(names)) == len(names) == len(CHECKS)
    for name, function in zip(names, CHECKS, strict=True):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert function.__doc__


def test_the_documentation_lists_every_check():
    text = (DOCS / "contract.md").read_text()
    section = text.split("## The checks")[1].split("### Seeded weights")[0]
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE)
    assert listed == list(check_names())


def test_a_known_failure_is_expected(specimens):
    spec = specimens.spec(specimens.BatchSum, known_failures={"batch-mean": "a sum, as in 2015"})
    result = outcome(spec, "batch-mean")
    assert result.outcome == "xfailed"
    assert result.detail.startswith("a sum, as in 2015 [expected the batch mean")


def test_a_known_failure_that_passes_is_a_failure(specimens):
    spec = specimens.spec(known_failures={"batch-mean": "a sum, as in 2015"})
    result = outcome(spec, "batch-mean")
    assert result.outcome == "failed"
    assert "remove it from known_failures" in result.detail


def test_an_unexpected_exception_is_a_failure(specimens):
    class Raising(specimens.Good):
        def forward(self, sr, hr):
            raise KeyError("layer9")

    result = outcome(specimens.spec(Raising), "batch-mean")
    assert (result.outcome, result.detail) == ("failed", "raised KeyError: 'layer9'")


@pytest.mark.parametrize(
    ("known", "failure", "expected"),
    [
        (None, None, "passed"),
        (None, "bad", "failed"),
        ("so", "bad", "xfailed"),
        ("so", None, "failed"),
    ],
)
def test_judging(known, failure, expected):
    assert judge("a-check", known, failure).outcome == expected


def test_a_report_passes_unless_something_failed():
    def report(*outcomes):
        checks = tuple(CheckResult(name="x", outcome=outcome) for outcome in outcomes)
        return LossReport(loss="a", distribution="d", weights="none", checks=checks)

    assert report("passed", "xfailed", "skipped").passed
    assert not report("passed", "failed").passed
    assert report("skipped").as_document() == {
        "loss": "a",
        "distribution": "d",
        "weights": "none",
        "passed": True,
        "checks": [{"name": "x", "outcome": "skipped", "detail": ""}],
    }


def test_long_lists_are_cut():
    assert some(["a", "b"]) == "a, b"
    assert some(list("abcde")) == "a, b, c and 2 more"


def test_parameters_reach_the_loss():
    (check,) = loss_checks("charbonnier", params={"epsilon": 0.5}, only=["finite-scalar"])
    hr = check.subject.pair()[1]
    assert float(check.subject.module(hr, hr)) == pytest.approx(0.5)
    with pytest.raises(SuiteError, match="epsilom"):
        loss_checks("charbonnier", params={"epsilom": 0.5})
    with pytest.raises(UnknownName, match="did you mean 'charbonnier'"):
        loss_checks("charbonier")


PLUGIN_TEST = """
import sys
sys.path.insert(0, {folder!r})
import check_specimens as specimens
from srbench.checks import parametrize_checks

GOOD = specimens.spec()
SUM = specimens.spec(specimens.BatchSum, known_failures={{"batch-mean": "a sum"}})
STALE = specimens.spec(known_failures={{"batch-mean": "a sum"}})
HOPELESS = specimens.spec(specimens.build_none)

@parametrize_checks([GOOD, SUM])
def test_fine(check):
    if check.name in ("batch-mean", "odd-sizes"):
        check()

@parametrize_checks(STALE)
def test_stale(check):
    if check.name == "batch-mean":
        check()

@parametrize_checks(HOPELESS)
def test_hopeless(check):
    if check.name in ("finite-scalar", "odd-sizes"):
        check()
"""


@pytest.mark.slow
def test_the_decorator_in_a_plugins_own_tests(tmp_path):
    file = tmp_path / "test_plugin.py"
    file.write_text(PLUGIN_TEST.format(folder=str(Path(__file__).parent)))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", str(file)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 1
    assert re.search(r"XFAIL .*test_fine\[specimen:batch-mean\S*\] - a sum", run.stdout)
    assert re.search(r"PASSED .*test_fine\[specimen:batch-mean", run.stdout)
    assert re.search(
        r"FAILED .*test_stale\[specimen:batch-mean\] - \[XPASS\(strict\)\]", run.stdout
    )
    assert re.search(r"FAILED .*test_hopeless\[specimen:finite-scalar\]", run.stdout)
    assert re.search(r"SKIPPED .*cannot be built", run.stdout)
