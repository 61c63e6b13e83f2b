"""The process of one job: ``python -m srbench.run.work.worker OUT KEY``.

It takes the job's lock, does the work, and writes ``result.json`` last. Exit status: 0 finished,
75 stopped with a checkpoint (SIGTERM, Ctrl-C, or its parent is gone), 1 failed with
``failure.json``, 74 failed and could not write that either.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import Timeout

from srbench.records.layout import OutFolder
from srbench.run.exec.attempts import Fit, read_attempts
from srbench.run.exec.events import EventLog
from srbench.run.exec.failures import (
    EXIT_STOPPED,
    EXIT_UNWRITABLE,
    describe_exception,
    write_failure,
)
from srbench.run.exec.locks import job_lock
from srbench.run.exec.starting import PARENT
from srbench.run.plan.jobs import Job, load
from srbench.run.plan.kinds import job_from_document
from srbench.run.writing import read_json, write_json

LOCK_SECONDS = 1.0
"""How often a worker that waits for the job's lock looks whether it is to stop."""


class StopRequest:
    """Becomes true on SIGTERM or SIGINT, or when the process that started this one is gone."""

    def __init__(self) -> None:
        self._asked = False
        # From the environment: the parent may have gone before this line was reached.
        self._parent = int(os.environ.get(PARENT, os.getppid()))
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
    lock = job_lock(folder)
    while not should_stop():
        try:
            with lock.acquire(timeout=LOCK_SECONDS):
                if out.result(key).exists():
                    return 0  # another run finished it while this one waited for the lock
                return _attempt(out, job, should_stop)
        except Timeout:
            continue
    return EXIT_STOPPED


def _attempt(out: OutFolder, job: Job, should_stop: Callable[[], bool]) -> int:
    events = EventLog(out.job(job.key) / "events.jsonl")
    attempts = read_attempts(out, job.key)
    try:
        events.write("started", pid=os.getpid(), label=job.label, seed=job.seed, kind=job.kind.name)
        result = _work(job, out, events, should_stop, attempts.fit)
        if result is not None:
            result["notes"] = [*result.get("notes", ()), *attempts.notes()]
            write_json(out.result(job.key), result)
    except (Exception, SystemExit) as error:
        return _leave_failure(out, job, error, events)
    events.write("stopped" if result is None else "finished")
    events.close()
    return EXIT_STOPPED if result is None else 0


def _leave_failure(out: OutFolder, job: Job, error: BaseException, events: EventLog) -> int:
    failure = describe_exception(error)
    sys.stderr.write(failure.traceback)
    try:
        write_failure(out, job.key, failure)
        events.write("failed", kind=failure.kind, message=failure.message)
        events.close()
    except OSError:
        return EXIT_UNWRITABLE  # most often what failed the job: the disk is full
    return 1


def _work(
    job: Job,
    out: OutFolder,
    events: EventLog,
    should_stop: Callable[[], bool],
    fit: Fit,
) -> dict[str, Any] | None:
    run = load(job.kind.run)  # imports what this kind needs: scoring no training code
    from srbench.run.work.stage import Stage

    result: dict[str, Any] | None = run(
        Stage(
            job=job, task=job.task, out=out, events=events, should_stop=should_stop, fit=fit
        )
    )  # fmt: skip
    return result


def _prepare_process() -> None:
    """Make this process the one that dies when memory runs out, and able to say where it hangs."""
    faulthandler.enable()
    if sys.platform != "win32":
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    with contextlib.suppress(OSError):  # not Linux, or a container that forbids it
        Path("/proc/self/oom_score_adj").write_text("1000")


def main(argv: list[str]) -> int:
    """Entry point of the worker process."""
    root, key = argv
    _prepare_process()
    return run_locked(OutFolder(Path(root)), key, StopRequest())


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is on disk. Taking torch apart would cost every job another second.
    os._exit(status)
