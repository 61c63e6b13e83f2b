"""The kinds of jobs. To add one is to add its entry here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from srbench.run.plan import chain
from srbench.run.plan.jobs import Job, StageKind
from srbench.run.plan.tasks import (
    AdversarialTask,
    CalibrationTask,
    ScoringTask,
    ValidationCurveTask,
    WarmStartTask,
)

_TRAINING: Final = ("torch._dynamo", "torch._inductor.config", "torchvision.models")
"""What torch imports with the first optimizer and with deterministic algorithms, 2 s of CPU, and
nearly every loss's network."""

WARM_START = StageKind(
    name="warm-start",
    task=WarmStartTask,
    plan=chain.warm_start,
    run="srbench.run.work.stages:warm_start",
    imports=_TRAINING,
    measure="srbench.run.work.measure:warm_start",
    makes_generator=True,
)
CALIBRATION = StageKind(
    name="calibration",
    task=CalibrationTask,
    plan=chain.calibration,
    run="srbench.run.work.stages:calibration",
    imports=_TRAINING,
    measure="srbench.run.work.measure:calibration",
)
ADVERSARIAL = StageKind(
    name="adversarial",
    task=AdversarialTask,
    plan=chain.adversarial,
    run="srbench.run.work.stages:adversarial",
    imports=_TRAINING,
    measure="srbench.run.work.measure:adversarial",
    title="{row}",
    makes_generator=True,
)
VALIDATION_CURVE = StageKind(
    name="validation-curve",
    task=ValidationCurveTask,
    plan=chain.validation_curve,
    run="srbench.run.work.validation_curve:validation_curve",
)
SCORING = StageKind(
    name="scoring",
    task=ScoringTask,
    run="srbench.run.work.scoring:run_scoring",
    imports=("srbench.metrics.pyiqa_bridge",),
    title="scoring",
)

KINDS: Final[dict[str, StageKind]] = {
    kind.name: kind for kind in (WARM_START, CALIBRATION, ADVERSARIAL, VALIDATION_CURVE, SCORING)
}
"""In the order in which a row's jobs are planned and run."""


def job_from_document(document: Mapping[str, Any]) -> Job:
    """Inverse of :meth:`srbench.run.plan.jobs.Job.document`."""
    kind = KINDS[document["kind"]]
    task, needs = kind.task.model_validate(document["task"]), tuple(document["needs"])
    return Job(**{**document, "kind": kind, "task": task, "needs": needs})


def plan_chain(row: chain.Chain) -> list[Job]:
    """All jobs of one row, seed and content scale, in the order in which they must run."""
    for kind in KINDS.values():
        job = kind.plan(row) if kind.plan else None
        if job is not None:
            row.before[kind.name] = job
    return list(row.before.values())
