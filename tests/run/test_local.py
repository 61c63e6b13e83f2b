import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from srbench.host import discover
from srbench.records.layout import OutFolder
from srbench.run.exec.backends import Place
from srbench.run.exec.local import LocalBackend, default_jobs, local_backend
from srbench.run.exec.scheduler import Scheduler
from srbench.run.exec.starting import NewInterpreter, Starter, can_fork
from srbench.run.plan.planning import make_plan
from srbench.settings import Suite

from .conftest import Watcher, fake_job, local_scheduler


@pytest.fixture
def out(tmp_path: Path) -> OutFolder:
    root = tmp_path / "out"
    root.mkdir()
    return OutFolder(root)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Parallel test processes ignore SIGINT; here it is what a user types."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(out: OutFolder) -> list[str]:
    return (out.root / "started.txt").read_text().split()


def test_jobs_run_after_those_that_they_need(out: OutFolder, fake_worker: Starter) -> None:
    executor = local_scheduler(out=out, observer=Watcher(), parallel=3, starter=fake_worker)
    outcomes = executor.run([fake_job("c", "b"), fake_job("b", "a"), fake_job("a")])
    assert started(out) == ["a", "b", "c"]
    assert {o.status for o in outcomes.values()} == {"finished"}


def test_a_finished_job_is_not_started_again(out: OutFolder, fake_worker: Starter) -> None:
    for _ in range(2):
        executor = local_scheduler(out=out, observer=Watcher(), starter=fake_worker)
        assert executor.run([fake_job("a")])["a"].status == "finished"
    assert started(out) == ["a"]


def test_what_starts_workers_is_kept_from_one_scheduler_to_the_next(out: OutFolder) -> None:
    """The second one's workers are forked from what has imported already."""
    backend = LocalBackend(out=out)
    with backend.kept():
        starter = backend.starter
        for _ in range(2):
            with backend.connected():
                assert backend.starter is starter
    assert backend.starter is None
    assert (starter is not None) == can_fork()


@pytest.mark.parametrize("torn", [b"", b"\0" * 100, b'{"key": '])
def test_a_torn_result_is_set_aside_and_its_job_runs_again(
    out: OutFolder, fake_worker: Starter, torn: bytes
) -> None:
    out.checkpoint("a").mkdir(parents=True)
    out.result("a").write_bytes(torn)
    executor = local_scheduler(out=out, observer=Watcher(), starter=fake_worker)
    assert executor.run([fake_job("a"), fake_job("b", "a")])["b"].status == "finished"
    assert started(out) == ["a", "b"]
    assert (out.checkpoint("a") / "damaged-result.json").read_bytes() == torn


@pytest.mark.parametrize(
    ("label", "kind", "said"),
    [
        ("kill", "SIGKILL", "out of memory"),
        ("exit", "exit", "status 3"),
        ("segfault", "SIGSEGV", "SIGSEGV"),
    ],
)
def test_a_dying_worker_fails_its_job_and_what_needs_it_alone(
    out: OutFolder, fake_worker: Starter, label: str, kind: str, said: str
) -> None:
    watcher = Watcher()
    executor = local_scheduler(out=out, observer=watcher, starter=fake_worker)
    outcomes = executor.run([fake_job(label), fake_job("after", label), fake_job("other")])
    failure = outcomes[label].failure
    assert failure is not None
    assert failure.kind == kind
    assert said in failure.message
    assert outcomes["after"].failure is not None
    assert said in outcomes["after"].failure.message
    assert outcomes["other"].status == "finished"
    assert watcher.ended == {label: "failed", "after": "failed", "other": "finished"}


def test_the_last_words_of_a_dead_worker_are_kept(out: OutFolder, fake_worker: Starter) -> None:
    executor = local_scheduler(out=out, observer=Watcher(), starter=fake_worker)
    failure = executor.run([fake_job("exit")])["exit"].failure
    assert failure is not None
    assert "last words of the worker" in failure.traceback


def test_a_failed_job_is_tried_again_by_the_next_run(out: OutFolder, fake_worker: Starter) -> None:
    for _ in range(2):
        local_scheduler(out=out, observer=Watcher(), starter=fake_worker).run([fake_job("exit")])
    assert started(out) == ["exit", "exit"]


def test_an_interrupt_stops_the_workers_and_goes_on_to_the_caller(
    out: OutFolder, fake_worker: Starter, ctrl_c: None
) -> None:
    def interrupt() -> None:
        while not (out.root / "slow-is-ready").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    executor = local_scheduler(out=out, observer=Watcher(), starter=fake_worker)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        executor.run([fake_job("a"), fake_job("slow")])
    thread.join()
    assert time.monotonic() - began < 30
    assert out.result("a").exists()
    assert not out.result("slow").exists()


def test_events_reach_the_observer(out: OutFolder, fake_worker: Starter) -> None:
    watcher = Watcher()
    local_scheduler(out=out, observer=watcher, starter=fake_worker).run([fake_job("a")])
    assert ("a", "progress") in watcher.events


def test_a_job_that_another_process_works_at_is_waited_for_not_done_twice(
    out: OutFolder, fake_worker: Starter
) -> None:
    lock = out.checkpoint("a") / ".lock"
    lock.parent.mkdir(parents=True)
    other = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time, pathlib\n"
            "from filelock import FileLock\n"
            "lock = pathlib.Path(sys.argv[1])\n"
            "with FileLock(lock):\n"
            "    print('held', flush=True)\n"
            "    time.sleep(1.0)\n"
            "    (lock.parent / 'result.json').write_text('{}\\n')\n",
            str(lock),
        ],
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    executor = local_scheduler(out=out, observer=Watcher(), starter=fake_worker)
    assert executor.run([fake_job("a")])["a"].status == "finished"
    assert other.wait() == 0
    other.stdout.close()
    assert not (out.root / "started.txt").exists()


TELL = """
import os, sys, pathlib, time
root, key = pathlib.Path(sys.argv[1]), sys.argv[2]
names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
(root / key).write_text(" ".join(os.environ.get(n, "unset") for n in names))
while len(list(root.glob("job*-"))) < int(os.environ["AT_ONCE"]): time.sleep(0.01)
sys.exit(3)
"""


@pytest.mark.parametrize(
    ("visible", "jobs", "seen"),
    [
        (None, None, ["0", "1", "2"]),  # one per GPU of the machine
        (None, 6, ["0", "0", "1", "1", "2", "2"]),
        ("4,7", None, ["4", "7"]),
        ("GPU-5e0f,MIG-77aa", 3, ["GPU-5e0f", "GPU-5e0f", "MIG-77aa"]),
    ],
)
def test_each_worker_sees_one_gpu(
    out: OutFolder,
    tmp_path: Path,
    suite: Suite,
    monkeypatch: pytest.MonkeyPatch,
    visible: str | None,
    jobs: int | None,
    seen: list[str],
) -> None:
    """On a machine that says that it has three."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    parallel = jobs or default_jobs(suite.execution.threads, "cuda")
    assert parallel == len(seen)
    script = tmp_path / "tell.py"
    script.write_text(TELL)
    monkeypatch.setenv("AT_ONCE", str(parallel))  # all of them run side by side
    backend = local_backend(Place(out=out, device="cuda", threads=1, at_once=jobs))
    backend.starter = NewInterpreter([sys.executable, str(script)])
    Scheduler(out, Watcher(), backend).run([fake_job(f"job{i}-") for i in range(parallel)])
    told = sorted((out.root / f"job{i}-").read_text() for i in range(parallel))
    assert told == [f"1 {gpu}" for gpu in seen]


def test_cores_are_divided_among_the_workers(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srbench.run.plan.planning.available_cores", lambda: 13)
    monkeypatch.setattr("srbench.run.exec.local.available_cores", lambda: 13)
    free = suite.model_copy(update={"execution": suite.execution.model_copy(
        update={"threads": None})})  # fmt: skip
    assert default_jobs(free.execution.threads, "cpu") == 1  # all cores for one job
    assert [make_plan(free, discover(), device="cpu", parallel=n).threads for n in (1, 4, 20)] == [
        13,
        3,
        1,
    ]
    fixed = suite.model_copy(update={"execution": suite.execution.model_copy(
        update={"threads": 4})})  # fmt: skip
    assert default_jobs(fixed.execution.threads, "cpu") == 3
    assert make_plan(fixed, discover(), device="cpu", parallel=9).threads == 4
