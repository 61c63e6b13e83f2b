"""Locks of an out folder: between processes, between users."""

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from srbench.files import locked
from srbench.records.layout import OutFolder
from srbench.run.exec.locks import is_locked, job_lock, lock_path
from srbench.run.exec.order import Elsewhere

if TYPE_CHECKING:
    from srbench.run.plan.jobs import Job

HOLD = """
import sys, pathlib, time
from srbench.run.exec.locks import job_lock
with job_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold(folder: Path, seconds: float, **options: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(seconds)],
        stdout=subprocess.PIPE, text=True, **options,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "absent")
    assert not is_locked(tmp_path)
    holder = hold(tmp_path, 60)
    assert is_locked(tmp_path)
    holder.kill()
    holder.wait()
    assert not is_locked(tmp_path)


def test_who_waits_is_told_once(tmp_path: Path) -> None:
    holder, told = hold(tmp_path, 0.5), []
    with locked(tmp_path / ".lock", "holds it", lambda: told.append(time.monotonic())):
        assert holder.wait() == 0
    with locked(tmp_path / ".lock", "holds it", lambda: told.append(time.monotonic())):
        pass
    assert len(told) == 1


def test_a_lock_is_for_every_user(tmp_path: Path) -> None:
    """A second user's process opens the file that the first one made, and is kept out by it."""
    before = os.umask(0o022)
    try:
        with job_lock(tmp_path):
            assert os.stat(tmp_path / ".lock").st_mode & 0o777 == 0o666
    finally:
        os.umask(before)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_two_users_share_a_lock(tmp_path: Path) -> None:
    shared = Path(f"/tmp/srbench-test-{os.getpid()}")
    shared.mkdir(mode=0o777)
    try:
        shared.chmod(0o777)
        with job_lock(shared):
            pass
        child = os.fork()
        if child == 0:  # the second user
            os.setuid(12345)
            try:
                with job_lock(shared).acquire(timeout=0):
                    os._exit(0)
            except BaseException:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        for path in (*shared.iterdir(), shared):
            path.unlink() if path.is_file() else path.rmdir()


@pytest.mark.filterwarnings("ignore:flock not supported")
def test_on_a_disk_without_locks_a_run_says_whose_lock_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run on another machine died and left its lock: the path to delete is said, once."""

    def no_flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", no_flock)
    out = OutFolder(tmp_path)
    job = SimpleNamespace(key="a" * 64, title="vgg16 seed 1")
    folder = out.checkpoint(job.key)
    folder.mkdir(parents=True)
    with job_lock(folder):
        left = lock_path(folder).read_text()
    assert not is_locked(folder)  # a lock that was given back is gone
    lock_path(folder).write_text(left.replace(os.uname().nodename, "another-host"))
    jobs = Elsewhere(out)
    assert [jobs.look(cast("Job", job)) for _ in range(3)] == ["busy"] * 3
    told = capsys.readouterr().err
    assert told.count("another-host") == 1
    assert f"delete {lock_path(folder)}" in told
    lock_path(folder).unlink()
    assert not is_locked(folder)
