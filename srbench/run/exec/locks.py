"""Locks inside an out folder. They end with the process that holds them, however that ends."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from srbench.files import lock_at


def lock_path(checkpoints: Path) -> Path:
    """The lock file of the job whose checkpoints lie in this folder."""
    return checkpoints / ".lock"


def job_lock(checkpoints: Path) -> FileLock:
    """The lock of the job whose checkpoints lie in this folder, which must exist."""
    return lock_at(lock_path(checkpoints))


def is_locked(checkpoints: Path) -> bool:
    """Whether a process is at the job whose checkpoints lie in this folder."""
    if not checkpoints.is_dir():
        return False
    try:
        with job_lock(checkpoints).acquire(timeout=0):
            return False
    except Timeout:
        return True
