"""Locks inside an out folder. They end with the process that holds them, however that ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

EVERYBODY = 0o666
"""Mode of lock files. They are empty; who may come near them is the folder's matter.

With the usual 0644 the second user of a shared out folder could not take a lock that the first one
had created.
"""


def lock_at(path: Path) -> FileLock:
    """The lock that the file ``path`` stands for; not taken yet."""
    return FileLock(path, mode=EVERYBODY)


def job_lock(checkpoints: Path) -> FileLock:
    """The lock of the job whose checkpoints lie in this folder, which must exist."""
    return lock_at(checkpoints / ".lock")


def is_locked(checkpoints: Path) -> bool:
    """Whether a process is at the job whose checkpoints lie in this folder."""
    if not checkpoints.is_dir():
        return False
    try:
        with job_lock(checkpoints).acquire(timeout=0):
            return False
    except Timeout:
        return True


@contextlib.contextmanager
def one_at_a_time(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at ``path``; ``on_wait`` is called once where another process has it."""
    lock = lock_at(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
