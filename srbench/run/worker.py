"""The process of one job: ``python -m srbench.run.worker OUT KEY``.

It takes the job's lock, does the work, and writes ``result.json`` last. Exit status: 0 finished,
75 stopped with a checkpoint (SIGTERM, Ctrl-C, or its parent is gone), 1 failed with
``failure.json``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock

from srbench.run.events import EventLog
from srbench.run.failures import EXIT_STOPPED, describe_exception, write_failure
from srbench.run.jobs import Job, job_from_document
from srbench.run.layout import OutFolder, read_json, write_json


class StopRequest:
    """Becomes true on SIGTERM or SIGINT, or when the process that started this one is gone."""

    def __init__(self) -> None:
        self._asked = False
        self._parent = os.getppid()
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._asked = True

    def __call__(self) -> bool:
        """Whether to stop now."""
        return self._asked or os.getppid() != self._parent


def run_locked(out: OutFolder, key: str, should_stop: Callable[[], bool]) -> int:
    """Do the job under its lock and return the exit status."""
    job = job_from_document(read_json(out.job(key) / "job.json"))
    folder = out.checkpoint(key)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if out.result(key).exists():
            return 0  # another run finished it while this one waited for the lock
        return _attempt(out, job, should_stop)


def _attempt(out: OutFolder, job: Job, should_stop: Callable[[], bool]) -> int:
    events = EventLog(out.job(job.key) / "events.jsonl")
    events.write("started", pid=os.getpid(), label=job.label, seed=job.seed, kind=job.kind)
    try:
        result = _work(job, out, events, should_stop)
    except (Exception, SystemExit) as error:
        failure = describe_exception(error)
        write_failure(out, job.key, failure)
        events.write("failed", kind=failure.kind, message=failure.message)
        return 1
    finally:
        sys.stdout.flush()
    if result is None:
        events.write("stopped")
        return EXIT_STOPPED
    write_json(out.result(job.key), result)
    events.write("finished")
    events.close()
    return 0


def _work(
    job: Job, out: OutFolder, events: EventLog, should_stop: Callable[[], bool]
) -> dict[str, Any] | None:
    # Imported here: a scoring worker needs no training code, a training worker no pyiqa.
    if job.kind == "scoring":
        from srbench.run.scoring import run_scoring

        done = run_scoring(job.request, out, events, should_stop)
        return {"key": job.key, "kind": job.kind} if done else None
    from srbench.run.stages import run_stage

    return run_stage(job, out, events, should_stop)


def main(argv: list[str]) -> int:
    """Entry point of the worker process."""
    root, key = argv
    return run_locked(OutFolder(Path(root)), key, StopRequest())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
