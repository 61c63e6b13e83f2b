"""When a job may start: what it needs, and who else is at it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from srbench.files import told_of_holder
from srbench.records import Failure
from srbench.records.layout import OutFolder
from srbench.run.exec.attempts import allowed_retries, worth_retrying
from srbench.run.exec.failures import Outcome, read_failure, write_failure
from srbench.run.exec.locks import is_locked, lock_path
from srbench.run.plan.jobs import Job


def finished_before(jobs: Sequence[Job], out: OutFolder) -> dict[str, Outcome]:
    """The jobs, and those that they need, that have a result already."""
    keys = {job.key for job in jobs}
    needed = {need for job in jobs for need in job.needs}
    done = {key for key in keys | needed if _is_whole(out.result(key))}
    assert needed <= keys | done, "a job needs one that is neither finished nor to be run"
    return {key: Outcome(status="finished") for key in done}


def _is_whole(result: Path) -> bool:
    """Whether there is a result; one that a disk has torn is set aside, and its job runs again.

    It then continues from its last checkpoint, so little is lost.
    """
    try:
        with result.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2))
            if file.read() == b"}\n":
                return True
    except FileNotFoundError:
        return False
    result.replace(result.with_name(f"damaged-{result.name}"))
    return False


def blocked_outcome(job: Job, outcomes: Mapping[str, Outcome], out: OutFolder) -> Outcome | None:
    """The outcome of a job that can never start, since one that it needs failed or was stopped."""
    for need in job.needs:
        before = outcomes.get(need)
        if before is None or before.status == "finished":
            continue
        if before.status == "stopped":
            return before
        reason = before.failure.message if before.failure else "unknown"
        failure = Failure(
            kind="dependency", message=f"a stage that this one needs failed: {reason}"
        )
        write_failure(out, job.key, failure)
        return Outcome(status="failed", failure=failure)
    return None


class Elsewhere:
    """Jobs that another ``srbench run`` of the same out folder is at.

    Their locks tell, and end with the processes that hold them.
    """

    def __init__(self, out: OutFolder) -> None:
        self._out = out
        self.jobs: set[str] = set()

    def look(self, job: Job) -> Outcome | Literal["free", "busy"]:
        """How the other run ended the job, or whether this run may start it."""
        if self._out.result(job.key).exists():
            self.jobs.discard(job.key)
            return Outcome(status="finished")
        if is_locked(self._out.checkpoint(job.key)):
            if job.key not in self.jobs:
                self._tell(job)
            self.jobs.add(job.key)
            return "busy"
        if job.key not in self.jobs:
            return "free"
        self.jobs.discard(job.key)
        if self._out.result(job.key).exists():
            return Outcome(status="finished")
        failure = read_failure(self._out, job.key)
        if failure is None or (allowed_retries(job) and worth_retrying(failure)):
            return "free"  # the other run was killed, or another attempt is due
        return Outcome(status="failed", failure=failure)

    def _tell(self, job: Job) -> None:
        """On a disk without locks a run that died elsewhere left its own: say how to go on."""
        by_hand = told_of_holder(lock_path(self._out.checkpoint(job.key)))
        if by_hand:
            sys.stderr.write(f"{job.title}: another run is at it{by_hand}\n")
