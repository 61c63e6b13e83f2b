"""The local executor: every job in a process of its own, several at once where asked.

Workers write their results atomically themselves; this loop only starts them, follows their event
files and notes how they ended. It may be killed at any moment: the same command then continues.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from srbench.run.exec.attempts import Retries
from srbench.run.exec.failures import Outcome
from srbench.run.exec.order import Elsewhere, blocked_outcome, finished_before
from srbench.run.exec.process import GRACE_SECONDS, WORKER, WorkerProcess
from srbench.run.layout import OutFolder
from srbench.run.plan.jobs import Job

POLL_SECONDS = 0.02
BUSY_POLL_SECONDS = 0.5
"""How often a job that another ``srbench run`` is at is looked at."""


class Observer(Protocol):
    """Follows a run: the progress display, and tests."""

    def job_started(self, job: Job) -> None:
        """A worker was started."""

    def job_event(self, job: Job, event: Mapping[str, Any]) -> None:
        """A worker wrote an event, or a job waits for another run or is tried again."""

    def job_ended(self, job: Job, outcome: Outcome) -> None:
        """A worker ended, or a job could not start because one that it needs had failed."""


class Executor(Protocol):
    """Runs jobs somewhere."""

    def run(self, jobs: Sequence[Job]) -> dict[str, Outcome]:
        """Run the jobs that have no result yet, each after those that it needs.

        Returns:
            key -> outcome, for every job. On Ctrl-C the workers write checkpoints and stop, and
            :class:`KeyboardInterrupt` goes on to the caller.
        """
        ...


@dataclass(slots=True)
class LocalExecutor:
    """Runs jobs on this machine.

    Attributes:
        out: the out folder.
        parallel: workers at once.
        gpus: CUDA devices; worker ``i`` sees only ``gpus[i % len(gpus)]``. Empty on CPU.
        observer: told of everything.
        command: argv before (out folder, job key); tests put their own worker here.
    """

    out: OutFolder
    observer: Observer
    parallel: int = 1
    gpus: Sequence[str] = ()
    command: Sequence[str] = WORKER
    _running: dict[str, tuple[WorkerProcess, int]] = field(default_factory=dict)
    _elsewhere: Elsewhere = field(init=False)
    _looked: float = 0.0

    def run(self, jobs: Sequence[Job]) -> dict[str, Outcome]:
        """See :class:`Executor`."""
        self._elsewhere = Elsewhere(self.out)
        retries = Retries(self.out)
        outcomes = finished_before(jobs, self.out)
        waiting = [job for job in jobs if job.key not in outcomes]
        before = None
        try:
            while waiting or self._running:
                state = (len(outcomes), len(waiting), len(self._running))
                # Looking through a thousand waiting jobs is for when something has changed.
                if state != before or self._time_to_look():
                    waiting = self._start_ready(waiting, outcomes)
                before = state
                waiting += self._reap(outcomes, retries)
                if self._running or waiting:
                    time.sleep(POLL_SECONDS)
        except BaseException:
            self._stop_all()
            raise
        return {job.key: outcomes[job.key] for job in jobs}

    def _time_to_look(self) -> bool:
        if not self._elsewhere.jobs or time.monotonic() - self._looked < BUSY_POLL_SECONDS:
            return False
        self._looked = time.monotonic()
        return True

    def _start_ready(self, waiting: list[Job], outcomes: dict[str, Outcome]) -> list[Job]:
        left = []
        for job in waiting:
            blocked = blocked_outcome(job, outcomes, self.out)
            if blocked is not None:
                self._end(job, blocked, outcomes)
                continue
            ready = all(need in outcomes for need in job.needs)
            free = len(self._running) < self.parallel
            if not ready or not free or not self._try_start(job, outcomes):
                left.append(job)
        return left

    def _try_start(self, job: Job, outcomes: dict[str, Outcome]) -> bool:
        """Start the job, or take over how another run ended it; false while that one is at it."""
        known = job.key in self._elsewhere.jobs
        state = self._elsewhere.look(job)
        if state == "busy":
            if not known:
                self.observer.job_event(job, {"event": "waiting"})
            return False
        if isinstance(state, Outcome):
            self._end(job, state, outcomes)
        else:
            self._start(job)
        return True

    def _end(self, job: Job, outcome: Outcome, outcomes: dict[str, Outcome]) -> None:
        outcomes[job.key] = outcome
        self.observer.job_ended(job, outcome)

    def _start(self, job: Job) -> None:
        slot = self._free_slot()
        worker = WorkerProcess(job, self.out, command=self.command, environment=self._visible(slot))
        self._running[job.key] = (worker, slot)
        self.observer.job_started(job)

    def _visible(self, slot: int) -> dict[str, str]:
        if not self.gpus:
            return {}
        return {"CUDA_VISIBLE_DEVICES": self.gpus[slot % len(self.gpus)]}

    def _free_slot(self) -> int:
        taken = {slot for _, slot in self._running.values()}
        return next(slot for slot in range(self.parallel) if slot not in taken)

    def _reap(self, outcomes: dict[str, Outcome], retries: Retries) -> list[Job]:
        """Follow the workers; returns the jobs that are to be tried again."""
        again = []
        for key, (worker, _) in list(self._running.items()):
            outcome = worker.poll()
            for event in worker.events():
                self.observer.job_event(worker.job, event)
            if outcome is None:
                continue
            del self._running[key]
            retry = retries.again(worker.job, outcome)
            if retry is not None:
                self.observer.job_event(worker.job, retry)
                again.append(worker.job)
                continue
            self._end(worker.job, outcome, outcomes)
        return again

    def _stop_all(self) -> None:
        """Ask every worker to write a checkpoint and stop; kill those that do not."""
        for worker, _ in self._running.values():
            worker.stop()
        deadline = time.monotonic() + GRACE_SECONDS
        for worker, _ in self._running.values():
            worker.wait(deadline - time.monotonic())
        self._running.clear()


def visible_gpus(count: Callable[[], int]) -> list[str]:
    """CUDA devices that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    setting = os.environ.get("CUDA_VISIBLE_DEVICES")
    if setting is not None:
        return [name.strip() for name in setting.split(",") if name.strip()]
    return [str(index) for index in range(count())]
