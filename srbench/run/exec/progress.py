"""Following a run: a live display on a terminal, plain lines elsewhere, and ``events.jsonl``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from srbench.records.layout import OutFolder
from srbench.run.exec.events import EventLog
from srbench.run.exec.failures import Outcome
from srbench.run.exec.remaining import TimeLeft, human_time
from srbench.run.plan.jobs import Job

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

PLAIN_EVERY = 20.0
"""Least seconds between two plain lines of one job."""


class RunProgress(AbstractContextManager["RunProgress"]):
    """Shows the jobs of a run and keeps the merged event file.

    Args:
        console: where to show it; a live display on a terminal, otherwise plain lines.
        out: its ``events.jsonl`` gets every event, with the job's label and seed.
        jobs: all jobs of the plan, finished ones included.
    """

    def __init__(self, console: Console, out: OutFolder, jobs: Sequence[Job]) -> None:
        self._console = console
        self._events = EventLog(out.events)
        self._todo = [job for job in jobs if not out.result(job.key).exists()]
        self._cached = len(jobs) - len(self._todo)
        self._share: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._last_line: dict[str, float] = {}
        self._work = sum(job.task.effort for job in self._todo)
        self._left = TimeLeft(self._todo)
        self._live: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._total: TaskID | None = None
        self._lost_loggers: set[str] = set()

    def __enter__(self) -> Self:
        reused = f", {self._cached} reused" if self._cached else ""
        todo = "1 job" if len(self._todo) == 1 else f"{len(self._todo)} jobs"
        self._say(f"{todo} to run{reused}")
        if self._console.is_terminal and self._todo:
            self._live = _display(self._console)
            self._live.start()
            self._total = self._live.add_task("all jobs", total=max(1.0, self._work), left="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
        self._events.close()

    def job_started(self, job: Job) -> None:
        """Show the job."""
        self._left.started(job.key)
        self._started[job.key] = time.monotonic()
        if self._live is None:
            self._say(f"{job.title}: started")
            return
        if job.key in self._tasks:  # a further attempt
            self._live.remove_task(self._tasks.pop(job.key))
        self._tasks[job.key] = self._live.add_task(job.title, total=None, left="")

    def job_event(self, job: Job, event: Mapping[str, Any]) -> None:
        """Advance the job's bar, or print a line now and then."""
        if event["event"] != "progress":
            self._tell(job, event)
            self._events.write(
                event["event"],
                **{k: v for k, v in event.items() if k not in ("event", "time")},
                key=job.key,
                job=job.title,
            )
            return
        done, total = int(event["iteration"]), max(1, int(event["total"]))
        self._share[job.key] = done / total
        self._left.progress(job.key, done / total, time.monotonic())
        if self._live is None:
            self._plain_line(job, done, total)
            return
        left = human_time(self._left.of_job(job.key))
        self._live.update(self._tasks[job.key], completed=done, total=total, left=left)
        self._update_total()

    def _tell(self, job: Job, event: Mapping[str, Any]) -> None:
        if event["event"] == "waiting":
            self._say(f"{job.title}: another srbench run is at it; waiting for that one")
        elif event["event"] == "retry":
            how = f", {event['fit']}" if event["fit"] else ""
            self._say(f"{job.title}: {event['reason']}; another attempt{how}")
        elif event["event"] == "logger-failed" and event["logger"] not in self._lost_loggers:
            self._lost_loggers.add(event["logger"])
            self._say(f"logger {event['logger']}: {event['message']}; training goes on without it")

    def job_ended(self, job: Job, outcome: Outcome) -> None:
        """Say how it ended; a failure with its reason."""
        self._share[job.key] = 1.0
        self._left.ended(job.key)
        seconds = time.monotonic() - self._started.get(job.key, time.monotonic())
        reason = f": {outcome.failure.message}" if outcome.failure else ""
        if self._live is not None and job.key in self._tasks:
            self._live.remove_task(self._tasks.pop(job.key))
            self._update_total()
        self._say(f"{job.title}: {outcome.status} after {seconds:.0f} s{reason}")
        self._events.write("ended", key=job.key, job=job.title, status=outcome.status)

    def _plain_line(self, job: Job, done: int, total: int) -> None:
        now = time.monotonic()
        started = self._started.get(job.key, now)
        if now - self._last_line.get(job.key, started) < PLAIN_EVERY or done == 0:
            return
        self._last_line[job.key] = now
        left = self._left.of_job(job.key)
        about = "" if left is None else f", about {human_time(left)} left"
        self._say(f"{job.title}: {done}/{total}{about}")

    def _update_total(self) -> None:
        assert self._live is not None
        assert self._total is not None
        done = sum(job.task.effort * self._share.get(job.key, 0.0) for job in self._todo)
        self._live.update(self._total, completed=done, left=human_time(self._left.of_all()))

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _display(console: Console) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]} left", markup=False),
        console=console,
        transient=True,
    )
