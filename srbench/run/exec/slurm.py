"""Workers as jobs of Slurm, through submitit: for clusters on which nobody starts Ray.

The out folder and this environment lie on a file system that all nodes share. A job that Slurm
preempts, or whose time is over, writes a checkpoint and is queued again; one whose node was lost is
submitted again. Both go on from the last checkpoint.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from srbench.devices import COUNTED
from srbench.errors import UserError
from srbench.records import Failure
from srbench.run.exec.backends import Place
from srbench.run.exec.events import EventTail
from srbench.run.exec.failures import Outcome, write_failure
from srbench.run.exec.node import outcome_of, run_job
from srbench.run.exec.node_versions import node_versions
from srbench.run.exec.process import GRACE_SECONDS
from srbench.run.exec.scheduler import Backend, News
from srbench.run.plan.jobs import Job

LOST_JOBS = 20
"""How often one job may end without a word."""

DEFAULTS = {"timeout_min": 240, "slurm_signal_delay_s": 120}
"""What Slurm is asked for where the user asks for nothing else."""

POLL_SECONDS = 0.2


class Preemptible:
    """:func:`run_job`, queued again by submitit where Slurm preempts it or its time is over."""

    def __call__(self, *args: Any) -> dict[str, Any]:
        """The job's outcome as JSON data."""
        return run_job(*args)

    def checkpoint(self, *args: Any) -> Any:
        """What is queued in its place: the same, which goes on from the worker's checkpoint."""
        import psutil
        from submitit.helpers import DelayedSubmission

        workers = psutil.Process().children()  # before Slurm is told, which then ends everything
        for worker in workers:
            worker.terminate()
        psutil.wait_procs(workers, timeout=GRACE_SECONDS)
        return DelayedSubmission(self, *args)


@dataclass(slots=True)
class _Submitted:
    job: Job
    events: EventTail
    handle: Any
    lost: int = 0


class SlurmBackend(Backend):
    """Workers as Slurm jobs: the job's threads as CPUs, and on a GPU one of them.

    Options are submitit's parameters (``timeout_min``, ``mem_gb``, ``slurm_partition``, ...), and
    ``cluster``: ``local`` and ``debug`` try a setup without Slurm.

    Raises:
        UserError: submitit is not installed, there is no Slurm, or it knows no such option.
    """

    def __init__(self, place: Place) -> None:
        if place.storage is not None:
            raise UserError(
                "expected --storage together with --executor ray",
                "with Slurm the out folder lies on a disk that all nodes share: use --out",
            )
        self.slots = place.at_once
        self._place = place
        self._executor: Any = None
        self._expected: Mapping[str, str] = {}
        self._submitted: dict[str, _Submitted] = {}

    def scoring_shares(self) -> tuple[int, int]:
        """As many jobs as the user says, each with the threads that Slurm gives it."""
        return self.slots or 1, self._place.threads if self._place.device == "cpu" else 1

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Know where to submit to."""
        self._executor = _executor(self._place)
        self._expected = node_versions()()
        yield

    def submit(self, job: Job) -> None:
        """See :class:`Backend`."""
        events = EventTail(self._place.out.job(job.key) / "events.jsonl")
        self._submitted[job.key] = _Submitted(job, events, self._sent(job))

    def poll(self) -> Iterator[News]:
        """See :class:`Backend`."""
        time.sleep(POLL_SECONDS)
        for one in list(self._submitted.values()):
            outcome = self._outcome(one) if one.handle.done() else None
            if outcome is not None:
                del self._submitted[one.job.key]
            yield News(one.job, one.events.read(), outcome)

    def stop(self) -> None:
        """See :class:`Backend`. Jobs that wait in the queue are cancelled too."""
        for one in self._submitted.values():
            one.handle.cancel(check=False)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and not all(
            one.handle.done() for one in self._submitted.values()
        ):
            time.sleep(POLL_SECONDS)
        self._submitted.clear()

    def _sent(self, job: Job) -> Any:
        from submitit.core.utils import FailedSubmissionError

        root = str(self._place.out.root.resolve())
        try:
            return self._executor.submit(Preemptible(), root, job.document(), self._expected)
        except FailedSubmissionError as error:
            raise UserError(
                f"expected Slurm to accept {job.title}, it said: {error}",
                "see sbatch's options in docs/running.md; give them as --executor-option KEY=VALUE",
            ) from error

    def _outcome(self, one: _Submitted) -> Outcome | None:
        """How the job ended; ``None`` where it was lost and is submitted again."""
        from submitit.core.utils import FailedJobError, UncompletedJobError

        out, job = self._place.out, one.job
        try:
            return outcome_of(one.handle.result())
        except UncompletedJobError as error:
            if out.result(job.key).exists():
                return Outcome(status="finished")
            if not isinstance(error, FailedJobError) and one.lost < LOST_JOBS:
                one.lost, one.handle = one.lost + 1, self._sent(job)
                return None
            failure = Failure(kind=type(error).__name__, message=str(error)[-2000:])
            write_failure(out, job.key, failure)
            return Outcome(status="failed", failure=failure)


def _executor(place: Place) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UserError(
            "expected submitit for --executor slurm, found it not installed",
            "pip install 'submitit>=1.5'",
        ) from error
    options = {**DEFAULTS, **place.options}
    cluster = options.pop("cluster", "slurm")
    folder = place.out.root.resolve() / "slurm" / "%j"
    try:
        # How often a job may run out of time before it is done is not for submitit to limit.
        executor = submitit.AutoExecutor(
            folder, cluster=cluster, slurm_max_num_timeout=10**6, local_max_num_timeout=10**6
        )
        executor.update_parameters(
            name="srbench",
            cpus_per_task=place.threads,
            gpus_per_node=1 if place.device in COUNTED else 0,
            **options,
        )
    except (RuntimeError, NameError, TypeError, ValueError, AssertionError) as error:
        raise UserError(
            f"expected options that submitit takes on cluster {cluster!r}, it said: {error}",
            "see docs/running.md; --executor-option cluster=local tries a setup without Slurm",
        ) from error
    return executor
