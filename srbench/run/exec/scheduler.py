"""The one scheduler: starts each job after those that it needs, follows it, and tries it again.

Where workers run is a :class:`Backend`'s business. Workers write their results atomically
themselves, so this loop may be killed at any moment: the same command then continues.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from srbench.files import available_cores
from srbench.records.layout import OutFolder
from srbench.run.exec.attempts import Retries
from srbench.run.exec.failures import Outcome
from srbench.run.exec.order import Elsewhere, blocked_outcome, finished_before
from srbench.run.plan.jobs import Job

BUSY_POLL_SECONDS = 0.5
"""How often a job that another ``srbench run`` is at is looked at."""


class Observer(Protocol):
    """Follows a run: the progress display, and tests."""

    def job_started(self, job: Job) -> None:
        """A worker gave its first sign of life."""

    def job_event(self, job: Job, event: Mapping[str, Any]) -> None:
        """A worker wrote an event, or a job waits for another run or is tried again."""

    def job_ended(self, job: Job, outcome: Outcome) -> None:
        """A worker ended, or a job could not start because one that it needs had failed."""


class News(NamedTuple):
    """What a backend tells of a job: its new events, and how it ended if it did."""

    job: Job
    events: Sequence[Mapping[str, Any]]
    outcome: Outcome | None


class Backend(ABC):
    """Somewhere to run workers. ``slots``: jobs at once; ``None``: the backend queues them."""

    slots: int | None

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Have a worker started."""

    @abstractmethod
    def poll(self) -> Iterable[News]:
        """What is new of the submitted jobs; waits a moment for it. An ended job is forgotten."""

    @abstractmethod
    def stop(self) -> None:
        """Ask all workers to write checkpoints and end, and wait for that."""

    def scoring_shares(self) -> tuple[int, int]:
        """In how many jobs scoring is cut, and the images at once in each, to keep all busy."""
        return 1, available_cores()

    def gather(self, jobs: Sequence[Job]) -> None:
        """Bring results of these jobs that lie elsewhere into the out folder."""
        del jobs

    def connected(self) -> AbstractContextManager[object]:
        """What is needed while jobs are submitted and polled; entered if there are any."""
        return nullcontext()

    def kept(self) -> AbstractContextManager[object]:
        """What several schedulers in turn can share; entered though there may be no job."""
        return nullcontext()


@dataclass(slots=True)
class Scheduler:
    """Runs jobs on a backend.

    Attributes:
        out: the out folder.
        observer: told of everything.
    """

    out: OutFolder
    observer: Observer
    backend: Backend
    _running: set[str] = field(default_factory=set)
    _begun: set[str] = field(default_factory=set)
    _outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(self, jobs: Sequence[Job]) -> dict[str, Outcome]:
        """Run the jobs that have no result yet, each after those that it needs.

        Returns:
            key -> outcome, for every job. On Ctrl-C the workers write checkpoints and stop, and
            :class:`KeyboardInterrupt` goes on to the caller.
        """
        self.backend.gather(jobs)
        self._outcomes = finished_before(jobs, self.out)
        waiting = [job for job in jobs if job.key not in self._outcomes]
        if waiting:
            with self.backend.connected():
                try:
                    self._work_off(waiting)
                except BaseException:
                    self.backend.stop()
                    raise
        return {job.key: self._outcomes[job.key] for job in jobs}

    def _work_off(self, waiting: list[Job]) -> None:
        elsewhere, retries = Elsewhere(self.out), Retries(self.out)
        before, looked = None, 0.0
        while waiting or self._running:
            state = (len(self._outcomes), len(waiting), len(self._running))
            due = bool(elsewhere.jobs) and time.monotonic() - looked >= BUSY_POLL_SECONDS
            # Looking through a thousand waiting jobs is for when something has changed.
            if state != before or due:
                waiting = [job for job in waiting if not self._settle(job, elsewhere)]
                looked = time.monotonic()
            before = state
            if self._running:
                again = self._follow(retries)
                waiting += again
                before = None if again else before  # counts may be what they were
            elif waiting:
                time.sleep(BUSY_POLL_SECONDS)

    def _settle(self, job: Job, elsewhere: Elsewhere) -> bool:
        """Start the job, or note how it ended without; false where it has to wait."""
        blocked = blocked_outcome(job, self._outcomes, self.out)
        if blocked is not None:
            return self._end(job, blocked)
        slots = self.backend.slots
        full = slots is not None and len(self._running) >= slots
        if full or any(need not in self._outcomes for need in job.needs):
            return False
        known = job.key in elsewhere.jobs
        state = elsewhere.look(job)
        if isinstance(state, Outcome):
            return self._end(job, state)
        if state == "busy":
            if not known:
                self.observer.job_event(job, {"event": "waiting"})
            return False
        self.backend.submit(job)
        self._running.add(job.key)
        return True

    def _end(self, job: Job, outcome: Outcome) -> bool:
        self._outcomes[job.key] = outcome
        self.observer.job_ended(job, outcome)
        return True

    def _follow(self, retries: Retries) -> list[Job]:
        """Pass on what is new; the jobs that are to be tried again."""
        again = []
        for job, events, outcome in self.backend.poll():
            for event in events:
                if event["event"] == "started" or job.key not in self._begun:
                    self._begun.add(job.key)
                    self.observer.job_started(job)
                self.observer.job_event(job, event)
            if outcome is None:
                continue
            self._running.discard(job.key)
            retry = retries.again(job, outcome)
            if retry is None:
                self._end(job, outcome)
            else:
                self._begun.discard(job.key)
                self.observer.job_event(job, retry)
                again.append(job)
        return again
