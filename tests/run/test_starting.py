"""The process that forks workers: what it hands on, and what becomes of whom when one is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from srbench.run.exec.starting import PARENT, Child, ForkServer, can_fork

pytestmark = pytest.mark.skipif(not can_fork(), reason="workers are forked on Linux alone")

Start = Callable[[ForkServer, str], Child]

PATIENCE = 300.0
"""Seconds. A busy machine may have to read a whole interpreter back from its disk first."""

WORKER = """
import json, os, sys, time
from pathlib import Path

def main(argv):
    folder, what = Path(argv[0]), argv[1]
    seen = {"argv": sys.argv, "environment": dict(os.environ), "session": os.getsid(0),
            "pid": os.getpid(), "parent": os.getppid(),
            "threads": len(os.listdir("/proc/self/task")),
            "handles": sorted(os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                              if os.path.exists(f"/proc/self/fd/{n}"))}
    (folder / f"{what}.part").write_text(json.dumps(seen))
    os.replace(folder / f"{what}.part", folder / f"{what}.json")
    print("said by", what)
    if what == "raise":
        raise ValueError("on purpose")
    if what.startswith("follow"):
        while os.getppid() == int(os.environ["SRBENCH_PARENT"]):
            time.sleep(0.02)
        (folder / f"{what}-stopped").touch()
        return 75
    return 7
"""


@pytest.fixture
def server() -> Iterator[ForkServer]:
    server = ForkServer("made_up_worker")
    yield server
    server.close()


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    (tmp_path / "made_up_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def call(server: ForkServer, what: str) -> Child:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOLD": what}
        return server.start([str(tmp_path), what], tmp_path / f"{what}.log", environment, [])

    return call


def seen(folder: Path, what: str) -> dict[str, object]:
    wait_for((folder / f"{what}.json").exists)
    found: dict[str, object] = json.loads((folder / f"{what}.json").read_text())
    return found


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_gets_what_a_new_process_would(
    tmp_path: Path, server: ForkServer, start: Start
) -> None:
    first, second = start(server, "one"), start(server, "two")
    assert (first.wait(PATIENCE), second.wait(PATIENCE)) == (7, 7)
    told = seen(tmp_path, "two")
    assert told["argv"] == ["made_up_worker", str(tmp_path), "two"]
    assert told["session"] == told["pid"] == second.pid != first.pid
    environment = told["environment"]
    assert isinstance(environment, dict)
    assert environment["TOLD"] == "two"
    assert environment[PARENT] == str(told["parent"])
    assert told["threads"] == 1
    log = str(tmp_path / "two.log")
    # Nothing of the server's: with its end of the pipe a worker would keep the run from noticing.
    assert set(told["handles"]) <= {"/dev/null", log}  # type: ignore[call-overload]
    assert (tmp_path / "two.log").read_text() == "said by two\n"


def test_a_worker_that_raises_says_so_in_its_log(
    tmp_path: Path, server: ForkServer, start: Start
) -> None:
    assert start(server, "raise").wait(PATIENCE) == 1
    assert "ValueError: on purpose" in (tmp_path / "raise.log").read_text()


def test_waiting_ends_in_time_and_signals_arrive(
    tmp_path: Path, server: ForkServer, start: Start
) -> None:
    worker = start(server, "follow")
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.1)
    seen(tmp_path, "follow")
    worker.send_signal(signal.SIGKILL)
    assert worker.wait(PATIENCE) == -signal.SIGKILL
    worker.send_signal(signal.SIGTERM)  # nobody is there any more, and nobody else gets it


def test_workers_of_a_killed_server_end_and_the_run_hears_of_it(
    tmp_path: Path, server: ForkServer, start: Start
) -> None:
    workers = [start(server, "follow1"), start(server, "follow2")]
    parent = int(str(seen(tmp_path, "follow1")["parent"]))
    seen(tmp_path, "follow2")
    os.kill(parent, signal.SIGKILL)
    assert [worker.wait(PATIENCE) for worker in workers] == [-signal.SIGKILL] * 2
    wait_for(lambda: len(list(tmp_path.glob("follow*-stopped"))) == 2)
    assert start(server, "one").wait(PATIENCE) == 7  # of another server
    assert seen(tmp_path, "one")["parent"] != parent


def test_server_and_workers_of_a_killed_run_end(
    tmp_path: Path, server: ForkServer, start: Start
) -> None:
    code = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from srbench.run.exec.starting import ForkServer\n"
        "server, folder = ForkServer('made_up_worker'), Path(sys.argv[1])\n"
        "server.start([str(folder), 'follow'], folder / 'log', os.environ, [])\n"
        "time.sleep(600)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    told = seen(tmp_path, "follow")
    forked_by = psutil.Process(int(str(told["parent"])))
    run.kill()
    run.wait()
    wait_for((tmp_path / "follow-stopped").exists)
    wait_for(lambda: not forked_by.is_running() or forked_by.status() == psutil.STATUS_ZOMBIE)
