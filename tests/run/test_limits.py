"""Hangs, memory, retries: what a suite's [limits] do to a worker."""

import json
import sys
import time
from pathlib import Path

import pytest

from srbench.errors import NonFiniteLoss, WeightsError
from srbench.records import Failure
from srbench.records.layout import OutFolder
from srbench.run.exec.attempts import (
    Attempts,
    Fit,
    Retries,
    learn,
    read_attempts,
    worth_retrying,
)
from srbench.run.exec.failures import Outcome
from srbench.run.exec.starting import NewInterpreter, Starter
from srbench.run.plan.jobs import Job
from srbench.run.writing import write_json

from .conftest import Watcher, fake_job, local_scheduler


@pytest.fixture
def out(tmp_path: Path) -> OutFolder:
    root = tmp_path / "out"
    root.mkdir()
    return OutFolder(root)


def run(out: OutFolder, starter: Starter, one: Job) -> tuple[Outcome, Watcher]:
    watcher = Watcher()
    executor = local_scheduler(out=out, observer=watcher, starter=starter)
    return executor.run([one])[one.key], watcher


def starts(out: OutFolder) -> int:
    return len((out.root / "started.txt").read_text().split())


def test_a_hung_worker_is_ended(out: OutFolder, fake_worker: Starter) -> None:
    began = time.monotonic()
    outcome, _ = run(out, fake_worker, fake_job("hang", hang_seconds=1.0))
    assert time.monotonic() - began < 30
    assert outcome.failure is not None
    assert outcome.failure.kind == "hang"
    assert "no sign of life for 1 s" in outcome.failure.message


def test_a_worker_over_its_memory_is_ended_and_the_reason_told(
    out: OutFolder, fake_worker: Starter
) -> None:
    outcome, _ = run(out, fake_worker, fake_job("hog", memory_gib=0.2))
    assert outcome.failure is not None
    assert outcome.failure.kind == "memory"
    assert "limits.memory_gib = 0.2" in outcome.failure.message


def test_a_killed_worker_is_tried_again_and_its_record_says_so(
    out: OutFolder, fake_worker: Starter
) -> None:
    outcome, watcher = run(out, fake_worker, fake_job("flaky", retries=2))
    assert outcome.status == "finished"
    assert starts(out) == 3
    assert watcher.events.count(("flaky", "retry")) == 2
    (note,) = read_attempts(out, "flaky").notes()
    assert note.startswith("finished after 2 failed attempts")
    assert "SIGKILL" in note


def test_retries_end(out: OutFolder, fake_worker: Starter) -> None:
    outcome, _ = run(out, fake_worker, fake_job("flaky", retries=1))
    assert outcome.status == "failed"
    assert starts(out) == 2


@pytest.mark.parametrize(
    ("phase", "attempts", "learnt"),
    [
        ("training", 3, Fit(micro_batches=4)),  # whole, halves, quarters
        ("calibration", 3, Fit(calibration_parts=4)),
        ("validation", 3, Fit(tile=64)),
        ("scoring", 3, Fit(tile=64)),
        ("metrics", 2, Fit(metrics_on_cpu=True)),
    ],
)
def test_what_had_no_room_is_made_smaller_until_it_fits_without_any_retries(
    out: OutFolder, fake_worker: Starter, phase: str, attempts: int, learnt: Fit
) -> None:
    """Every shipped suite has ``retries = 0``: without this the same command fails for ever."""
    job = fake_job(f"full:OutOfMemory/{phase}")
    outcome, watcher = run(out, fake_worker, job)
    assert outcome.status == "finished"
    assert starts(out) == attempts
    assert read_attempts(out, job.key).fit == learnt  # what fitted is left as it was
    assert watcher.events.count((job.label, "retry")) == attempts - 1


def test_what_was_learnt_survives_the_run(out: OutFolder, fake_worker: Starter) -> None:
    job = fake_job("full:OutOfMemory/training")
    for _ in range(2):  # of a run that is killed meanwhile
        learn(out, job, Failure(kind="OutOfMemory", message="full", phase="training"))
    assert run(out, fake_worker, job)[0].status == "finished"
    assert starts(out) == 1


def test_a_note_of_an_earlier_version_is_read(out: OutFolder) -> None:
    write_json(out.job("old") / "attempts.json", {"micro_batches": 2, "failures": ["a"]})
    assert read_attempts(out, "old") == Attempts(fit=Fit(micro_batches=2), failures=("a",))


@pytest.mark.parametrize(("retries", "attempts"), [(0, 3), (2, 5)])
def test_what_can_be_made_no_smaller_fails(out: OutFolder, retries: int, attempts: int) -> None:
    """Parts are never more than images, 8 here; then ``limits.retries`` count."""
    failed = Outcome(
        status="failed", failure=Failure(kind="OutOfMemory", message="full", phase="training")
    )
    again, job = Retries(out), fake_job("full", retries=retries)
    events = [event for _ in range(9) if (event := again.again(job, failed))]
    told = [f"each batch in {parts} parts" for parts in (2, 4, 8, 8, 8)]
    assert [event["fit"] for event in events] == told[:attempts]


@pytest.mark.parametrize("kind", ["NonFiniteLoss", "ContractError", "WeightsError"])
def test_an_error_of_the_loss_or_the_suite_is_not_tried_again(
    out: OutFolder, fake_worker: Starter, kind: str
) -> None:
    outcome, _ = run(out, fake_worker, fake_job(f"own:{kind}", retries=5))
    assert outcome.status == "failed"
    assert starts(out) == 1


def test_which_failures_are_worth_another_attempt() -> None:
    for kind in (NonFiniteLoss.__name__, WeightsError.__name__, "dependency"):
        assert not worth_retrying(Failure(kind=kind, message=""))
    for kind in ("SIGKILL", "hang", "OutOfMemory", "RuntimeError", "CheckpointError"):
        assert worth_retrying(Failure(kind=kind, message=""))


def test_a_worker_that_could_not_write_says_why(out: OutFolder, tmp_path: Path) -> None:
    script = tmp_path / "full.py"
    script.write_text("import sys; sys.exit(74)")
    outcome, _ = run(out, NewInterpreter([sys.executable, str(script)]), fake_job("full"))
    assert outcome.failure is not None
    assert outcome.failure.kind == "unwritable"
    assert "disk is full" in outcome.failure.message
    assert json.loads((out.job("full") / "failure.json").read_text())["kind"] == "unwritable"
