"""Where jobs run: the device is asked of those machines, and scoring is spread like training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from srbench.app.execute import execute_plan
from srbench.app.prepare import prepare
from srbench.errors import UserError
from srbench.host import discover
from srbench.records.layout import OutFolder
from srbench.run.exec.backends import NODE_GPUS, Place, backend
from srbench.run.exec.events import EventLog
from srbench.run.exec.failures import Outcome
from srbench.run.exec.local import LocalBackend, default_jobs, local_backend
from srbench.run.exec.ray_cluster import RayBackend
from srbench.run.exec.scheduler import Backend, News
from srbench.run.plan.jobs import Job, load
from srbench.run.plan.planning import Plan, make_plan
from srbench.run.plan.tasks import ScoringTask
from srbench.run.work.stage import Stage
from srbench.run.writing import write_json
from srbench.settings import Suite

from .conftest import Watcher


def four() -> int:
    return 4


def none() -> int:
    return 0


@pytest.fixture
def head_without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("srbench.app.prepare.detect_device", lambda: "cpu")


@pytest.mark.parametrize(
    ("executor", "gpus", "asked", "device"),
    [
        ("ray", four, None, "cuda"),
        ("ray", four, "cuda", "cuda"),
        ("ray", four, "cpu", "cpu"),
        ("ray", none, None, "cpu"),
        ("local", four, None, "cpu"),
    ],
)
def test_a_head_without_a_gpu_asks_its_cluster(
    head_without_gpu: None,
    monkeypatch: pytest.MonkeyPatch,
    suite: Suite,
    tmp_path: Path,
    executor: str,
    gpus: Any,
    asked: str | None,
    device: str,
) -> None:
    """Else the whole cluster would train on its CPUs, or be refused for the head's sake."""
    monkeypatch.setitem(NODE_GPUS, "ray", f"{__name__}:{gpus.__name__}")
    free = suite.but(execution=suite.execution.but(threads=None))
    monkeypatch.setattr("srbench.run.plan.planning.available_cores", lambda: 16)
    made = prepare(free, out=tmp_path, device=asked, executor=executor, pull=False)
    assert made.plan.device == device
    assert not made.plan.inputs.problems
    if device == "cuda":
        assert made.plan.threads == 4  # the cores of a machine, shared by its GPUs


def test_a_gpu_that_is_not_here_is_a_problem_of_a_local_run_alone(
    head_without_gpu: None, suite: Suite, tmp_path: Path
) -> None:
    made = prepare(suite, out=tmp_path, device="cuda", pull=False)
    assert [problem.what[:18] for problem in made.plan.inputs.problems] == ["expected a GPU tha"]


class Recorder(Backend):
    """Does the jobs here, as a worker would, and keeps them."""

    slots = None

    def __init__(self, out: OutFolder, shares: int) -> None:
        self.out, self.shares, self.done, self.waiting = out, shares, [], []

    done: list[Job]
    waiting: list[Job]

    def scoring_shares(self) -> tuple[int, int]:
        return self.shares, 1

    def submit(self, job: Job) -> None:
        self.waiting.append(job)

    def poll(self) -> Iterable[News]:
        for job in self.waiting:
            events = EventLog(self.out.job(job.key) / "events.jsonl")
            result = load(job.kind.run)(
                Stage(
                    job=job, task=job.task, out=self.out, events=events, should_stop=lambda: False
                )
            )
            events.close()
            write_json(self.out.result(job.key), result)
            self.done.append(job)
            yield News(job, (), Outcome(status="finished"))
        self.waiting.clear()

    def stop(self) -> None:
        self.waiting.clear()


def without_training(suite: Suite) -> Plan:
    plan = make_plan(suite, discover(), device="cpu")
    return replace(plan, jobs=(), cells=tuple(c for c in plan.cells if c.training is None))


@pytest.mark.parametrize("shares", [1, 2, 9])
def test_scoring_is_cut_into_jobs_for_the_backend(
    suite: Suite, tmp_path: Path, shares: int
) -> None:
    plan, out = without_training(suite), OutFolder(tmp_path)
    rows = {cell.row.label for cell in plan.cells}
    assert rows == {"bicubic", "hr"}
    backend = Recorder(out, shares)
    done = execute_plan(plan, out, Watcher(), backend)
    assert not done.failed
    assert len(done.paths) == 1  # psnr says nothing of hr
    assert len(backend.done) == min(shares, 2)
    made = [{t.row for t in job.task.targets} for job in backend.done if _scores(job.task)]
    assert sum(map(len, made)) == len(set().union(*made))  # a row is one job's


def _scores(task: Any) -> bool:
    return isinstance(task, ScoringTask)


def test_a_machine_scores_on_all_its_gpus(tmp_path: Path) -> None:
    out = OutFolder(tmp_path)
    assert LocalBackend(out=out, slots=4, gpus=["0", "1"]).scoring_shares() == (4, 1)
    assert LocalBackend(out=out, slots=4).scoring_shares()[0] == 1  # one process, all cores


@pytest.mark.parametrize(
    ("device", "at_once", "slots"),
    [("xpu", None, 2), ("xpu", 6, 6), ("mps", None, 1), ("mps", 3, 3)],
)
def test_gpus_of_other_makers_have_workers_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, at_once: int | None, slots: int
) -> None:
    """One for each of Intel's, or as many as are asked for; Apple's cannot score, for float64."""
    monkeypatch.setattr(torch.xpu, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.xpu, "device_count", lambda: 2)
    place = Place(out=OutFolder(tmp_path), device=device, threads=1, at_once=at_once)
    here = local_backend(place)
    assert here.slots == slots
    assert default_jobs(None, device) == (2 if device == "xpu" else 1)
    if device == "xpu":
        assert (here.variable, list(here.gpus)) == ("ZE_AFFINITY_MASK", ["0", "1"])
    assert here.scoring_shares()[0] == (slots if device == "xpu" else 1)


def test_a_captured_step_is_a_problem_before_anything_runs(suite: Suite, tmp_path: Path) -> None:
    asked = suite.but(execution=suite.execution.but(cuda_graph=True))
    made = prepare(asked, out=tmp_path, device="cpu", pull=False)
    assert ["cuda_graph, got cpu" in p.what for p in made.plan.inputs.problems] == [True]


@pytest.mark.parametrize(
    ("device", "at_once", "shares"),
    [("cuda", None, (5, 1)), ("cpu", None, (6, 8)), ("cuda", 2, (2, 1))],
)
def test_a_cluster_scores_on_all_its_gpus(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    device: str,
    at_once: int | None,
    shares: tuple[int, int],
) -> None:
    """Two machines with GPUs, one of them with fewer cores than they could use, and a head."""
    ray = pytest.importorskip("ray")
    machines = [{"CPU": 8.0}, {"CPU": 32.0, "GPU": 4.0}, {"CPU": 8.0, "GPU": 4.0}]
    nodes = [{"Alive": True, "Resources": found} for found in machines]
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    place = Place(out=OutFolder(tmp_path), device=device, threads=8, at_once=at_once)
    assert RayBackend(place).scoring_shares() == shares
    several = Place(out=place.out, device=device, threads=1, options={"num_gpus": 0.1})
    if device == "cuda":
        assert RayBackend(several).scoring_shares()[0] == 40
    else:
        with pytest.raises(UserError, match="ray on cpu"):
            RayBackend(several)


@pytest.mark.parametrize("options", [{"num_gpus": 1.5}, {"num_gpus": 0}, {"num_gpus": "all"},
                                     {"slurm_partition": "gpu"}])  # fmt: skip
def test_a_share_of_a_gpu_that_ray_does_not_know(tmp_path: Path, options: dict[str, Any]) -> None:
    place = Place(out=OutFolder(tmp_path), device="cuda", threads=1, options=options)
    with pytest.raises(UserError, match="num_gpus alone"):
        RayBackend(place)
    with pytest.raises(UserError, match="executor ray or slurm"):
        backend("local", place)
