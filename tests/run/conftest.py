"""A small suite on the photographs that ship with scikit-image, and a fake worker."""

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from srbench.records.layout import OutFolder
from srbench.run.exec.local import LocalBackend
from srbench.run.exec.process import WORKER
from srbench.run.exec.scheduler import Observer, Scheduler
from srbench.run.plan.jobs import Job, StageKind
from srbench.run.plan.tasks import Task
from srbench.settings import Execution, Limits, Suite, parse_suite

SUITE = """
schema = 1
name = "small"
version = 1
summary = "for tests"
track = "calibrated"
seeds = [1, 2]
metrics = ["psnr"]

[data]
train = "photos"
val = 2
test = ["photos-test"]
patch_size = 32
batch_size = 2

[generator]
name = "msrresnet"
blocks = 1
channels = 8

[discriminator]
channels = 4

[warm_start]
iterations = 4
learning_rate = 1e-3

[adversarial]
iterations = 4
pixel_weight = 0.01
adversarial_weight = 0.005

[calibration]
reference = "first"
batches = 2

[validation]
every = 2
metrics = ["psnr"]

[execution]
threads = 1

[[loss]]
label = "first"
name = "l2"

[[loss]]
label = "second"
name = "charbonnier"
"""


@pytest.fixture
def suite_text() -> str:
    return SUITE


@pytest.fixture
def suite() -> Suite:
    return parse_suite(SUITE)


@pytest.fixture
def fake_worker(tmp_path: Path) -> list[str]:
    """A worker that does what the job's label says, in milliseconds: see the script."""
    script = tmp_path / "fake_worker.py"
    script.write_text(
        textwrap.dedent(
            """
            import json, os, pathlib, signal, sys, time
            root, key = pathlib.Path(sys.argv[1]), sys.argv[2]
            job = json.loads((root / "jobs" / key / "job.json").read_text())
            label = job["label"]
            with (root / "started.txt").open("a") as file:
                file.write(label + "\\n")
            if label.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            if label.startswith("exit"):
                print("last words of the worker")
                sys.exit(3)
            if label.startswith("segfault"):
                import ctypes
                ctypes.string_at(0)
            if label.startswith("hang"):
                time.sleep(60)
            if label.startswith("hog"):
                hoard = b"x" * (400 * 2**20)
                time.sleep(60)
            if label.startswith("flaky") and (root / "started.txt").read_text().count(label) < 3:
                os.kill(os.getpid(), signal.SIGKILL)
            kind, _, phase = label.partition(":")[2].partition("/")
            note = root / "jobs" / key / "attempts.json"
            learnt = json.loads(note.read_text()) if note.exists() else {}
            fits = {
                "training": learnt.get("micro_batches", 1) >= 4,
                "calibration": learnt.get("calibration_parts", 1) >= 4,
                "validation": learnt.get("tile", 256) <= 64,
                "scoring": learnt.get("tile", 256) <= 64,
                "metrics": learnt.get("metrics_on_cpu", False),
            }
            if kind and not fits.get(phase):
                failure = {"kind": kind, "message": "as told", "phase": phase or None}
                (root / "jobs" / key / "failure.json").write_text(json.dumps(failure))
                sys.exit(1)
            if label.startswith("slow"):
                def stop(number, frame):
                    sys.exit(75)
                signal.signal(signal.SIGTERM, stop)
                (root / "slow-is-ready").touch()
                time.sleep(60)
            events = root / "jobs" / key / "events.jsonl"
            with events.open("a") as file:
                file.write(json.dumps({"time": 0, "event": "progress", "iteration": 1,
                                       "total": 1}) + "\\n")
            folder = root / "checkpoints" / key
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "part").write_text(json.dumps({"key": key}) + "\\n")
            os.replace(folder / "part", folder / "result.json")
            """
        )
    )
    return [sys.executable, str(script)]


class FakeTask(Task):
    """What the fake worker is told, which looks at its label alone."""

    @property
    def batch_size(self) -> int:
        return 8

    @property
    def measured_patches(self) -> int:
        return 8

    @property
    def iterations(self) -> int:
        return 10


FAKE = StageKind(name="fake", task=FakeTask, run="", title="{row}")


def fake_job(label: str, *needs: str, **limits: Any) -> Job:
    task = FakeTask(
        device="cpu", scale=4, execution=Execution(threads=1),
        limits=Limits(**{"hang_seconds": 0, **limits}),
    )  # fmt: skip
    return Job(
        key=label.replace(":", "-").replace("/", "-"),
        kind=FAKE,
        label=label,
        task=task,
        needs=needs,
    )


def local_scheduler(
    out: OutFolder,
    observer: Observer,
    parallel: int = 1,
    command: Sequence[str] = WORKER,
    gpus: Sequence[str] = (),
) -> Scheduler:
    backend = LocalBackend(out=out, slots=parallel, command=command, gpus=gpus)
    return Scheduler(out, observer, backend)


class Watcher:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.ended: dict[str, str] = {}
        self.events: list[Any] = []

    def job_started(self, job: Any) -> None:
        pass

    def job_event(self, job: Any, event: Any) -> None:
        self.events.append((job.label, event["event"]))

    def job_ended(self, job: Any, outcome: Any) -> None:
        self.ended[job.label] = outcome.status
