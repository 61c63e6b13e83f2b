"""What earlier attempts at a job came to, and whether another one is worth it.

Kept beside the job, so that a rerun, on another machine too, starts from what was learnt: what did
not fit a GPU is not tried whole again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from srbench.errors import NonFiniteLoss, UserError
from srbench.records.layout import OutFolder
from srbench.run.exec.failures import Outcome
from srbench.run.plan.jobs import Job
from srbench.run.plan.tasks import Task
from srbench.run.writing import read_json, write_json

if TYPE_CHECKING:
    from srbench.records import Failure

KEPT, LEAST_TILE = 20, 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How a job is made to fit its device; each field is for a phase that had no room.

    Attributes:
        micro_batches: parts that a training batch is computed in, gradients summed.
        calibration_parts: likewise of a batch on which a gradient norm is measured.
        tile: side of the parts that whole images are made in, LR pixels.
        metrics_on_cpu: metrics look at whole images, and are not asked to do with less.
    """

    micro_batches: int = 1
    calibration_parts: int = 1
    tile: int = 256
    metrics_on_cpu: bool = False

    def smaller(self, phase: str | None, task: Task) -> Fit:
        """With less memory in ``phase``; the same where nothing more can be done."""
        if phase == "training":
            return replace(self, micro_batches=min(2 * self.micro_batches, task.batch_size))
        if phase == "calibration":
            parts = min(2 * self.calibration_parts, task.measured_patches)
            return replace(self, calibration_parts=parts)
        if phase in ("validation", "scoring"):
            return replace(self, tile=max(self.tile // 2, LEAST_TILE))
        return replace(self, metrics_on_cpu=True) if phase == "metrics" else self

    def __str__(self) -> str:
        """What differs from the first attempt, for progress displays."""
        told = {
            f"each batch in {self.micro_batches} parts": self.micro_batches > 1,
            f"calibration in {self.calibration_parts} parts": self.calibration_parts > 1,
            f"images in tiles of {self.tile} px": self.tile < Fit().tile,
            "metrics on the CPU": self.metrics_on_cpu,
        }
        return ", ".join(words for words, is_so in told.items() if is_so)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempts:
    """The history of a job.

    Attributes:
        fit: of the next attempt.
        failures: one line per failed attempt, oldest first.
    """

    fit: Fit = Fit()
    failures: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """For the record of a job that succeeded in the end."""
        if not self.failures:
            return []
        return [f"finished after {len(self.failures)} failed attempts; {'; '.join(self.failures)}"]


def read_attempts(out: OutFolder, key: str) -> Attempts:
    """The job's history; an empty one where there is none."""
    document = dict(read_json(out.job(key) / "attempts.json") or {})
    failures = document.pop("failures", ())
    return Attempts(fit=Fit(**document), failures=tuple(failures))


def learn(out: OutFolder, job: Job, failure: Failure) -> Attempts:
    """Note a failed attempt, and do with less memory in the phase that had none left."""
    before = read_attempts(out, job.key)
    after = Attempts(
        fit=before.fit.smaller(failure.phase, job.task),
        failures=(*before.failures, f"{failure.kind}: {failure.message[:200]}")[-KEPT:],
    )
    document = {**asdict(after.fit), "failures": list(after.failures)}
    write_json(out.job(job.key) / "attempts.json", document)
    return after


def worth_retrying(failure: Failure) -> bool:
    """Whether the same job could end otherwise: not after an error of the suite or of the loss."""
    return failure.kind not in _own_errors() and failure.kind != "dependency"


class Retries:
    """Counts the attempts of one run and says whether a failed job is to be tried again."""

    def __init__(self, out: OutFolder) -> None:
        self._out = out
        self._used: dict[str, int] = {}

    def again(self, job: Job, outcome: Outcome) -> dict[str, Any] | None:
        """The ``retry`` event of another attempt, or ``None`` where this outcome is final.

        An attempt that does with less memory is none of ``limits.retries``: what failed for want
        of it would fail for ever.
        """
        failure = outcome.failure
        if failure is None or not worth_retrying(failure):
            return None
        before = read_attempts(self._out, job.key).fit
        fit = learn(self._out, job, failure).fit
        used = self._used.get(job.key, 0)
        if fit == before:
            if used >= allowed_retries(job):
                return None
            self._used[job.key] = used + 1
        return {"event": "retry", "reason": failure.message, "fit": str(fit)}


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
