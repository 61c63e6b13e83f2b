"""Hangs, memory, retries: what a suite's [limits] do to a worker."""

import json
import sys
import time
from pathlib import Path

import pytest

from srbench.errors import NonFiniteLoss, WeightsError
from srbench.records import Failure
from srbench.records.layout import OutFolder
from srbench.run.exec.attempts import Retries, read_attempts, worth_retrying
from srbench.run.exec.failures import Outcome
from srbench.run.exec.starting import NewInterpreter, Starter
from srbench.run.plan.jobs import Job

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


def test_gpu_out_of_memory_halves_the_part_of_a_batch_until_it_fits(
    out: OutFolder, fake_worker: Starter
) -> None:
    outcome, _ = run(out, fake_worker, fake_job("oom:OutOfMemoryError", retries=5))
    assert outcome.status == "finished"
    assert starts(out) == 3  # whole, halves, quarters
    assert read_attempts(out, "oom-OutOfMemoryError").micro_batches == 4


def test_what_was_learnt_survives_the_run(out: OutFolder, fake_worker: Starter) -> None:
    one = fake_job("oom:OutOfMemoryError", retries=1)
    assert run(out, fake_worker, one)[0].status == "failed"
    assert run(out, fake_worker, one)[0].status == "finished"


def test_parts_are_never_more_than_images(out: OutFolder) -> None:
    retries = Retries(out)
    failed = Outcome(status="failed", failure=Failure(kind="OutOfMemoryError", message="full"))
    parts = [event["micro_batches"] for _ in range(9) if (event := retries.again(
        fake_job("oom", retries=6), failed))]  # fmt: skip
    assert parts == [2, 4, 8, 8, 8, 8]


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
    for kind in ("SIGKILL", "hang", "OutOfMemoryError", "RuntimeError", "CheckpointError"):
        assert worth_retrying(Failure(kind=kind, message=""))


def test_a_worker_that_could_not_write_says_why(out: OutFolder, tmp_path: Path) -> None:
    script = tmp_path / "full.py"
    script.write_text("import sys; sys.exit(74)")
    outcome, _ = run(out, NewInterpreter([sys.executable, str(script)]), fake_job("full"))
    assert outcome.failure is not None
    assert outcome.failure.kind == "unwritable"
    assert "disk is full" in outcome.failure.message
    assert json.loads((out.job("full") / "failure.json").read_text())["kind"] == "unwritable"
