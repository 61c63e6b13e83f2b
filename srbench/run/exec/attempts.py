"""What earlier attempts at a job came to, and whether another one is worth it.

Kept beside the job, so that a rerun, on another machine too, starts from what was learnt: a batch
that did not fit a GPU is not tried whole again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from srbench.errors import NonFiniteLoss, UserError
from srbench.records.layout import OutFolder
from srbench.run.exec.failures import Outcome
from srbench.run.plan.jobs import Job
from srbench.run.writing import read_json, write_json

if TYPE_CHECKING:
    from srbench.records import Failure

OUT_OF_GPU_MEMORY = "OutOfMemoryError"
"""Name of torch's exception, which is the kind of the failure that it becomes."""

KEPT = 20


@dataclass(slots=True)
class Attempts:
    """The history of a job.

    Attributes:
        micro_batches: parts that the next attempt computes each batch in.
        failures: one line per failed attempt, oldest first.
    """

    micro_batches: int = 1
    failures: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """For the record of a job that succeeded in the end."""
        if not self.failures:
            return []
        return [f"finished after {len(self.failures)} failed attempts; {'; '.join(self.failures)}"]


def read_attempts(out: OutFolder, key: str) -> Attempts:
    """The job's history; an empty one where there is none."""
    document = read_json(out.job(key) / "attempts.json")
    return Attempts() if document is None else Attempts(**document)


def learn(out: OutFolder, job: Job, failure: Failure) -> Attempts:
    """Note a failed attempt; after a GPU out of memory, halve the part of a batch held at once."""
    attempts = read_attempts(out, job.key)
    attempts.failures = [*attempts.failures, f"{failure.kind}: {failure.message[:200]}"][-KEPT:]
    batch = job.task.batch_size
    if failure.kind == OUT_OF_GPU_MEMORY:
        attempts.micro_batches = min(2 * attempts.micro_batches, batch)
    document = {"micro_batches": attempts.micro_batches, "failures": attempts.failures}
    write_json(out.job(job.key) / "attempts.json", document)
    return attempts


def worth_retrying(failure: Failure) -> bool:
    """Whether the same job could end otherwise: not after an error of the suite or of the loss."""
    return failure.kind not in _own_errors() and failure.kind != "dependency"


class Retries:
    """Counts the attempts of one run and says whether a failed job is to be tried again."""

    def __init__(self, out: OutFolder) -> None:
        self._out = out
        self._used: dict[str, int] = {}

    def again(self, job: Job, outcome: Outcome) -> dict[str, Any] | None:
        """The ``retry`` event of another attempt, or ``None`` where this outcome is final."""
        failure = outcome.failure
        used = self._used.get(job.key, 0)
        if failure is None or used >= allowed_retries(job) or not worth_retrying(failure):
            return None
        self._used[job.key] = used + 1
        attempts = learn(self._out, job, failure)
        return {
            "event": "retry",
            "attempt": used + 2,
            "reason": failure.message,
            "micro_batches": attempts.micro_batches,
        }


def allowed_retries(job: Job) -> int:
    """``limits.retries`` of the suite that the job is from."""
    return job.task.limits.retries


def _own_errors() -> set[str]:
    names, queue = {NonFiniteLoss.__name__}, [UserError]
    while queue:
        error = queue.pop()
        names.add(error.__name__)
        queue.extend(error.__subclasses__())
    return names
