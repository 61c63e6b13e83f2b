"""How long a run will still take, from the pace of its own jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from srbench.run.plan.jobs import Job


class TimeLeft:
    """Seconds that are left of each job and of all.

    A job's pace is that since its first sign of progress: what it took to start is no part of it.
    Jobs that have not begun are taken to go at the mean pace of their kind, or else of any.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = {job.key: job for job in jobs}
        self._first: dict[str, tuple[float, float]] = {}
        self._last: dict[str, tuple[float, float]] = {}
        self._running: set[str] = set()
        self._ended: set[str] = set()
        self._at_once = 1

    def started(self, key: str) -> None:
        """The job runs, from wherever it was left."""
        self._first.pop(key, None)
        self._last.pop(key, None)
        self._ended.discard(key)
        self._running.add(key)
        self._at_once = max(self._at_once, len(self._running))

    def progress(self, key: str, share: float, now: float) -> None:
        """So much of the job is done, from 0 to 1; ``now`` in seconds of any clock."""
        self._first.setdefault(key, (share, now))
        self._last[key] = (share, now)

    def ended(self, key: str) -> None:
        """However it ended."""
        self._running.discard(key)
        self._ended.add(key)

    def of_job(self, key: str) -> float | None:
        """Of a running job; ``None`` while nothing is known."""
        whole = self._whole(key)
        return None if whole is None else whole * (1.0 - self._last[key][0])

    def of_all(self) -> float | None:
        """Of the whole run, scoring aside; ``None`` while nothing is known."""
        left = [self._left(job) for job in self._jobs.values() if job.key not in self._ended]
        known = [seconds for seconds in left if seconds is not None]
        if len(known) < len(left):
            return None
        # At the end fewer jobs than places are left, and the longest decides.
        return max([sum(known) / self._at_once, *known], default=0.0)

    def _left(self, job: Job) -> float | None:
        seconds = self.of_job(job.key)
        if seconds is not None:
            return seconds
        alike = list(self._paces(job.kind.name)) or list(self._paces(None))
        return job.task.effort * sum(alike) / len(alike) if alike else None

    def _paces(self, kind: str | None) -> Iterator[float]:
        """Seconds per unit of effort of the jobs of a kind that have shown their pace."""
        for key, job in self._jobs.items():
            whole = self._whole(key)
            if whole is not None and kind in (None, job.kind.name):
                yield whole / job.task.effort

    def _whole(self, key: str) -> float | None:
        """Seconds that the whole job takes at its pace."""
        share, then = self._first.get(key, (0.0, 0.0))
        done, now = self._last.get(key, (0.0, 0.0))
        return (now - then) / (done - share) if done > share else None


def human_time(seconds: float | None) -> str:
    """``45 s``, ``12 min``, ``3.4 h``, ``5.2 days``; a dash where it is not known."""
    if seconds is None:
        return "-"
    for limit, unit, name, digits in (
        (90, 1, "s", 0),
        (90 * 60, 60, "min", 0),
        (48 * 3600, 3600, "h", 1),
    ):
        if seconds < limit:
            return f"{seconds / unit:.{digits}f} {name}"
    return f"{seconds / 86400:.1f} days"
