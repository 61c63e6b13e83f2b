"""The stages of one row, seed and content scale: each kind's job from those before it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from srbench.host import source_sha256
from srbench.records import RowKind
from srbench.records.starts import Start
from srbench.run.plan.inputs import Inputs
from srbench.run.plan.jobs import Job, make_job
from srbench.run.plan.rows import Row, Term
from srbench.run.plan.tasks import (
    DEFAULT_LOGGERS,
    AdversarialTask,
    CalibrationTask,
    GeneratorTask,
    Task,
    TermTask,
    ValidationCurveTask,
    WarmStartTask,
)
from srbench.settings import Execution, Objective, Suite, TrainingData
from srbench.settings.canonical import canonical
from srbench.strict import Strict
from srbench.train.version import TRAINING_VERSION

Section = TypeVar("Section", bound=Strict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """What the jobs of one row, seed and content scale are planned from.

    Attributes:
        execution: the suite's, with the threads settled.
        reference: the losses that all others are calibrated to; empty in track ``raw``.
        loggers: what the trainings' curves are written by.
        start: what of a published folder the seed begins with, if anything.
        before: kind -> the job of this chain that was planned before.
    """

    suite: Suite
    generator: GeneratorTask
    inputs: Inputs
    device: str
    execution: Execution
    reference: tuple[Term, ...]
    row: Row
    seed: int
    content_scale: float
    loggers: tuple[str, ...] = DEFAULT_LOGGERS
    start: Start | None = None
    before: dict[str, Job] = field(default_factory=dict)

    def job(self, kind: str, task: type[Task], *, label: str, **told: Any) -> Job:
        """A job of this chain that needs all those before it."""
        from srbench.run.plan.kinds import KINDS

        suite = self.suite
        common = {
            "device": self.device,
            "scale": suite.scale,
            "execution": self.execution,
            "limits": suite.limits,
            "checkpoint": suite.checkpoint,
            "seed": self.seed,
            "data": _section(TrainingData, suite.data),
            "train": self.inputs.train,
            "train_place": self.inputs.places.get("train", ""),
            "generator": self.generator,
            "training_version": TRAINING_VERSION,
            "torch": _minor_version("torch"),
        }
        return make_job(
            KINDS[kind],
            label,
            task(**common, **told),
            needs=tuple(job.key for job in self.before.values()),
        )

    def validated(self) -> dict[str, Any]:
        """What a stage is told that scores the held-out images and logs."""
        return {
            "loggers": self.loggers,
            "val": self.inputs.val,
            "val_place": self.inputs.places.get("val", ""),
            "validation": self.suite.validation,
        }

    def terms(self, terms: Sequence[Term]) -> tuple[TermTask, ...]:
        """Losses as a worker builds them."""
        return tuple(
            TermTask(
                name=term.qualified_name,
                params=term.loss.canonical_params,
                weight=term.weight,
                loss=term.loss.spec.name,
                version=term.loss.spec.version,
                changed={} if term.loss.params is None else canonical(term.loss.params),
                weights={file.id: self.inputs.weights[file] for file in term.weight_files},
                source=source_sha256(term.loss.spec.build),
            )
            for term in terms
        )


def warm_start(chain: Chain) -> Job:
    """Shared by all rows of a seed."""
    section = chain.suite.warm_start
    return chain.job(
        "warm-start",
        WarmStartTask,
        label="warm-start",
        warm_start=section,
        start=chain.start,
        **chain.validated(),
    )


def calibration(chain: Chain) -> Job | None:
    """Of the reference loss, once per seed; none in track ``raw``."""
    section = chain.suite.calibration
    if section is None or chain.row.kind is RowKind.WARM_START:
        return None
    return chain.job(
        "calibration",
        CalibrationTask,
        label=section.reference,
        warm=chain.before["warm-start"].key,
        start=chain.start,
        batches=section.batches,
        patches=section.batch_size,
        terms=chain.terms(chain.reference),
    )


def adversarial(chain: Chain) -> Job | None:
    """The row's own training."""
    if chain.row.kind is RowKind.WARM_START:
        return None
    suite, terms = chain.suite, chain.terms(chain.row.terms)
    calibrated = chain.before.get("calibration")
    told: dict[str, Any] = {}
    if terms and suite.calibration is not None and calibrated is not None:
        told = {
            "calibration": calibrated.key,
            "reference": suite.calibration.reference,
            "is_reference": [canonical(t) for t in terms]
            == [canonical(t) for t in chain.terms(chain.reference)],
            "batches": suite.calibration.batches,
            "patches": suite.calibration.batch_size,
        }
    return chain.job(
        "adversarial",
        AdversarialTask,
        label=chain.row.label,
        content_scale=chain.content_scale,
        warm=chain.before["warm-start"].key,
        adversarial=_section(Objective, suite.adversarial).but(**chain.row.objective),
        discriminator=suite.discriminator,
        stopping=suite.stopping,
        terms=terms,
        **told,
        **chain.validated(),
    )


def validation_curve(chain: Chain) -> Job | None:
    """Where several strengths are trained, the curve on the held-out images that chooses one."""
    suite, trained = chain.suite, chain.before.get("adversarial")
    strengths = suite.adversarial.content_scales if chain.row.terms else ()
    measured = suite.data.val and "psnr" in suite.validation.metrics
    if trained is None or len(strengths) < 2 or not suite.curve or not measured:
        return None
    return chain.job(
        "validation-curve",
        ValidationCurveTask,
        label=chain.row.label,
        content_scale=chain.content_scale,
        warm=chain.before["warm-start"].key,
        training=trained.key,
        coefficients=suite.curve,
        **chain.validated(),
    )


def _section(part: type[Section], whole: Strict) -> Section:
    """The settings of ``whole`` that its base class ``part`` declares."""
    return part(**{name: getattr(whole, name) for name in part.model_fields})


def _minor_version(distribution: str) -> str:
    """``2.6`` for an installed ``2.6.1+cpu``, without importing it."""
    return ".".join(importlib.metadata.version(distribution).split(".")[:2])
