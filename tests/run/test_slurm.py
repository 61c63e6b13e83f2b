"""Jobs through submitit: really, by its local and debug executors, and what Slurm would be told."""

from __future__ import annotations

import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from srbench.app.prepare import prepare
from srbench.errors import UserError
from srbench.host import discover
from srbench.records.layout import OutFolder
from srbench.run.exec.backends import Place, backend
from srbench.run.exec.scheduler import Scheduler
from srbench.run.plan.planning import make_plan
from srbench.settings import Suite

from .conftest import Watcher, fake_job, local_scheduler

submitit = pytest.importorskip("submitit")


def place(out: OutFolder, **options: Any) -> Place:
    return Place(out=out, device="cpu", threads=1, options=options)


class Disturber(Watcher):
    """Ends the process that watches a worker at its first sign of progress, each job's once."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self._number = number
        self.disturbed: list[str] = []

    def job_event(self, job: Any, event: Any) -> None:
        super().job_event(job, event)
        if event["event"] == "prepared" and job.key not in self.disturbed:
            self.disturbed.append(job.key)
            for child in psutil.Process().children(recursive=True):
                if "submitit.core._submit" in child.cmdline():
                    child.send_signal(self._number)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR2], ids=["killed", "preempted"])
def test_a_job_that_is_killed_or_preempted_ends_in_the_same_bits(
    suite: Suite, tmp_path: Path, number: signal.Signals
) -> None:
    made = make_plan(suite, discover(), device="cpu", seeds=[1], only=["first"])
    (job,) = (j for j in made.jobs if j.label == "warm-start")
    calm, out = OutFolder(tmp_path / "calm"), OutFolder(tmp_path / "out")
    local_scheduler(out=calm, observer=Watcher()).run([job])
    watcher = Disturber(number)
    where = backend("slurm", place(out, cluster="local", timeout_min=20))
    assert Scheduler(out, watcher, where).run([job])[job.key].status == "finished"
    assert watcher.disturbed == [job.key]
    assert [what for _, what in watcher.events].count("started") == 2
    assert out.generator(job.key).read_bytes() == calm.generator(job.key).read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its open log
def test_the_debug_executor_runs_in_this_process(suite: Suite, tmp_path: Path) -> None:
    made = make_plan(suite, discover(), device="cpu", seeds=[1], only=["first"])
    (job,) = (j for j in made.jobs if j.label == "warm-start")
    out = OutFolder(tmp_path / "out")
    where = backend("slurm", place(out, cluster="debug"))
    assert Scheduler(out, Watcher(), where).run([job])[job.key].status == "finished"


class Lost:
    """A job that ends without a word."""

    def done(self) -> bool:
        return True

    def result(self) -> None:
        raise submitit.core.utils.UncompletedJobError("node failed")


def test_jobs_are_lost_so_often_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    class Executor:
        def __init__(self, folder: Path, **_: object) -> None:
            pass

        def update_parameters(self, **_: object) -> None:
            pass

        def submit(self, function: object, *args: object) -> Lost:
            sent.append(args)
            return Lost()

    monkeypatch.setattr(submitit, "AutoExecutor", Executor)
    monkeypatch.setattr("srbench.run.exec.slurm.POLL_SECONDS", 0.0)
    out = OutFolder(tmp_path)
    outcome = Scheduler(out, Watcher(), backend("slurm", place(out))).run([fake_job("a")])["a"]
    assert outcome.failure is not None
    assert outcome.failure.message == "node failed"
    assert len(sent) == 21


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Commands of Slurm that write down how they are called; jobs stay in the queue."""
    tools = tmp_path / "tools"
    tools.mkdir()
    says = {"srun": "", "sbatch": "Submitted batch job 12", "sacct": "", "scancel": ""}
    for name, said in says.items():
        path = tools / name
        path.write_text(f'#!/bin/sh\necho "$@" >> {tools}/{name}.txt\necho "{said}"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    return lambda name: (tools / f"{name}.txt").read_text()


def test_slurm_is_told_what_a_job_needs(
    tmp_path: Path, slurm: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srbench.run.exec.slurm.GRACE_SECONDS", 0.0)
    out = OutFolder(tmp_path / "out")
    options = {"slurm_partition": "gpu", "mem_gb": 32}
    where = backend("slurm", Place(out=out, device="cuda", threads=6, options=options))
    with where.connected():
        where.submit(fake_job("a"))
        where.stop()
    (script,) = {path.resolve() for path in out.root.rglob("12_submission.sh")}
    lines = {line.removeprefix("#SBATCH ") for line in script.read_text().splitlines()}
    assert {
        "--cpus-per-task=6", "--gpus-per-node=1", "--job-name=srbench", "--mem=32GB",
        "--partition=gpu", "--time=240", "--signal=USR2@120",
    } <= lines  # fmt: skip
    assert "12" in slurm("scancel").split()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "expected options that submitit takes on cluster 'slurm'"),
        ({"cluster": "cloud"}, "cloud"),
        ({"cluster": "local", "colour": "blue"}, "colour"),
        ({"cluster": "local", "timeout_min": "long"}, "timeout_min"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no Slurm here
    out = OutFolder(tmp_path / "out")
    where = backend("slurm", place(out, **options))
    with pytest.raises(UserError, match=said):
        Scheduler(out, Watcher(), where).run([fake_job("a")])


def test_without_submitit_the_way_to_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    out = OutFolder(tmp_path)
    with pytest.raises(UserError, match="expected submitit for --executor slurm"):
        Scheduler(out, Watcher(), backend("slurm", place(out))).run([fake_job("a")])


def test_options_are_for_schedulers_of_other_machines(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="together with --executor ray or slurm"):
        backend("local", place(OutFolder(tmp_path), timeout_min=1))
    with pytest.raises(UserError, match="no --executor-option with --executor ray on cpu"):
        backend("ray", place(OutFolder(tmp_path), timeout_min=1))


def test_the_device_is_said_where_it_cannot_be_seen(suite: Suite, tmp_path: Path) -> None:
    """A login node without a GPU would have the whole cluster train on CPUs."""
    with pytest.raises(UserError, match="expected --device together with --executor slurm"):
        prepare(suite, out=tmp_path / "out", executor="slurm")
    assert (
        prepare(suite, out=tmp_path / "out", executor="slurm", device="cuda").plan.device == "cuda"
    )
