"""Locks of an out folder: between processes, between users."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from srbench.run.exec.locks import is_locked, job_lock, one_at_a_time

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
    with one_at_a_time(tmp_path / ".lock", lambda: told.append(time.monotonic())):
        assert holder.wait() == 0
    with one_at_a_time(tmp_path / ".lock", lambda: told.append(time.monotonic())):
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
