"""A small suite on the photographs that ship with scikit-image, and a fake worker."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from srbench.records.layout import OutFolder
from srbench.run.exec.local import LocalBackend
from srbench.run.exec.scheduler import Observer, Scheduler
from srbench.run.exec.starting import ForkServer, NewInterpreter, Starter
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


@pytest.fixture(params=["interpreter", "fork"])
def fake_worker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Starter:
    """Starts workers that do what the job's label says, see the module, in both ways there are."""
    import fake_worker

    script = Path(fake_worker.__file__)
    if request.param == "interpreter":
        return NewInterpreter([sys.executable, str(script)])
    monkeypatch.setenv("PYTHONPATH", str(script.parent))
    return ForkServer(script.stem)


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
    starter: Starter | None = None,
    gpus: Sequence[str] = (),
) -> Scheduler:
    backend = LocalBackend(out=out, slots=parallel, starter=starter, gpus=gpus)
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
