"""What workers are told: the suite's own sections, and what planning found out, as typed data.

The key of a job is the hash of its task's :meth:`~Task.identity`, and of nothing else.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from srbench.records import RowKind
from srbench.records.starts import Start
from srbench.settings import (
    Checkpoint,
    Discriminator,
    Execution,
    Limits,
    LossTerm,
    Objective,
    Stopping,
    TrainingData,
    Validation,
    WarmStart,
)
from srbench.settings.canonical import OUTSIDE, canonical
from srbench.strict import Strict

DEFAULT_LOGGERS: Final = ("tensorboard",)


class Task(Strict):
    """What every job is told. Fields marked ``OUTSIDE`` change no result and are part of no key."""

    device: str
    scale: int
    execution: Execution
    limits: Annotated[Limits, OUTSIDE] = Limits()

    @property
    def iterations(self) -> int | None:
        """Training iterations; ``None`` for a task that has none."""
        return None

    @property
    def validations(self) -> int:
        """How often the held-out images are scored."""
        return 0

    @property
    def gradient_norms(self) -> int:
        """Batches whose gradient norm is measured."""
        return 0

    @property
    def effort(self) -> float:
        """Share of a run's progress, in iterations of a warm start."""
        return 10.0

    @property
    def batch_size(self) -> int:
        """Images that are computed at once, at most."""
        return 1

    @property
    def measured_patches(self) -> int:
        """Patches of a batch on which a gradient norm is measured."""
        return 1

    def identity(self) -> dict[str, Any]:
        """All that can change the result, as JSON data."""
        document = canonical(self)
        if self.device != "cpu":
            # The GPU does the arithmetic: a machine with other cores continues the same work.
            document["execution"].pop("threads", None)
        return document


class TermTask(LossTerm):
    """A loss as a worker builds it: ``name`` is ``dist:name``, ``params`` all of its parameters.

    ``source`` is the hash of its code, for :mod:`srbench.run.code`: the version decides the key.
    """

    name: Annotated[str, OUTSIDE]
    params: Annotated[dict[str, Any], OUTSIDE]
    loss: str
    version: int
    changed: dict[str, Any] = Field(default_factory=dict)
    weights: dict[str, str] = Field(default_factory=dict)
    source: Annotated[str, OUTSIDE] = ""


class GeneratorTask(Strict):
    """A generator as a worker builds it.

    ``name`` is ``dist:name``, ``generator`` the bare name; ``params`` are those that differ from
    their defaults; ``source`` as of a :class:`TermTask`, but for srbench's own.
    """

    name: Annotated[str, OUTSIDE]
    generator: str
    version: int
    params: dict[str, Any]
    source: Annotated[str, OUTSIDE] = ""


class TrainingTask(Task):
    """What every job with training images is told.

    ``train`` is the manifest hash of the training images; ``data`` says where to find them, and
    ``train_place`` where they are once they are prepared (:func:`srbench.data.place_of`).
    """

    seed: int
    content_scale: float = 1.0
    data: TrainingData
    train: str
    train_place: Annotated[str, OUTSIDE] = ""
    generator: GeneratorTask
    training_version: int
    torch: str
    checkpoint: Annotated[Checkpoint, OUTSIDE] = Checkpoint()

    @property
    def batch_size(self) -> int:
        """Images of a training step."""
        return self.data.batch_size

    def identity(self) -> dict[str, Any]:
        """As :meth:`Task.identity`: which images, not what the set was called or how found."""
        document = super().identity()
        for name in ("train", "train_count", "subset_seed", "val"):
            document["data"].pop(name, None)
        return document


class StageTask(TrainingTask):
    """What a training stage is told.

    ``val`` and ``val_place`` are of the held-out images; ``loggers`` are names of
    :data:`srbench.run.work.loggers.LOGGERS`.
    """

    val: str | None = None
    val_place: Annotated[str, OUTSIDE] = ""
    validation: Validation = Validation()
    loggers: Annotated[tuple[str, ...], OUTSIDE] = DEFAULT_LOGGERS

    @property
    def validations(self) -> int:
        """How often the held-out images are scored."""
        if not self.iterations:
            return 0
        every = self.validation.every
        return 1 + ((self.iterations - 1) // every if every else 0)


class WarmStartTask(StageTask):
    """The generator alone on a pixel loss; or the published ``start``, and nothing is trained."""

    warm_start: WarmStart
    start: Start | None = None

    @property
    def iterations(self) -> int:
        """Of the warm start."""
        return self.warm_start.iterations if self.start is None else 0

    @property
    def published(self) -> tuple[str, str | None] | None:
        """Hash and place of the file that it is copied from, where it is."""
        if self.start is not None:
            return self.start.warm_start, self.start.where
        sha256 = self.warm_start.checkpoint_sha256
        return None if sha256 is None else (sha256, self.warm_start.checkpoint)

    @property
    def effort(self) -> float:
        """As :attr:`Task.effort`."""
        return float(self.iterations)


class CalibrationTask(TrainingTask):
    """The reference loss's gradient norm on the warm start whose key is ``warm``.

    It is measured on ``batches`` of ``patches`` each, or of as many as a training batch has;
    or it is that of the published ``start``.
    """

    warm: str
    start: Start | None = None
    batches: int
    patches: int | None = None
    terms: tuple[TermTask, ...]

    @property
    def measured_patches(self) -> int:
        """As :attr:`Task.measured_patches`."""
        return self.patches or self.data.batch_size

    @property
    def gradient_norms(self) -> int:
        """Batches whose gradient norm is measured."""
        return self.batches if self.published_norm is None else 0

    @property
    def published_norm(self) -> float | None:
        """Where it need not be measured."""
        return None if self.start is None else self.start.reference_gradient_norm


class AdversarialTask(StageTask):
    """One loss at one content scale, from the warm start ``warm``.

    ``calibration`` is the key of the calibration job, ``reference`` the label of the row that all
    are brought to, ``is_reference`` whether this is its; ``batches`` of ``patches`` are measured.
    """

    warm: str
    calibration: str | None = None
    adversarial: Objective
    discriminator: Discriminator
    stopping: Stopping | None = None
    terms: tuple[TermTask, ...]
    reference: Annotated[str | None, OUTSIDE] = None
    is_reference: Annotated[bool, OUTSIDE] = False
    batches: Annotated[int, OUTSIDE] = 0
    patches: Annotated[int | None, OUTSIDE] = None

    @property
    def batch_size(self) -> int:
        """Images of a training step."""
        return self.adversarial.batch_size or self.data.batch_size

    @property
    def iterations(self) -> int:
        """Of adversarial training."""
        return self.adversarial.iterations

    @property
    def effort(self) -> float:
        """An adversarial iteration costs several of a warm start with as many patches."""
        return 5.0 * self.iterations * self.batch_size / self.data.batch_size

    @property
    def measured_patches(self) -> int:
        """As :attr:`Task.measured_patches`."""
        return self.patches or self.data.batch_size

    @property
    def gradient_norms(self) -> int:
        """Batches whose gradient norm is measured to calibrate this loss."""
        if self.calibration is None or not self.terms:
            return 0
        norms = 0 if len(self.terms) == 1 else len(self.terms)
        return self.batches * (norms + (0 if self.is_reference else 1))


class ValidationCurveTask(StageTask):
    """Scores on the held-out images along the line from ``warm`` to the generator of ``training``.

    ``coefficients`` are the points between the two ends, which are scored too.
    """

    warm: str
    training: str
    coefficients: tuple[float, ...]


class TargetTask(Strict):
    """One row on one data set: the images to make, and metric -> key of the scores that lack.

    ``manifest`` is the hash of the test images, ``identity`` that of the generator. Below 1, a
    ``coefficient`` is a point of the way to it from the key ``warm``: its images are not kept.
    """

    row: str
    kind: RowKind
    dataset: str
    manifest: str
    identity: str
    training: str | None
    warm: str | None = None
    coefficient: float = 1.0
    scores: dict[str, str]

    @property
    def is_point(self) -> bool:
        """Whether it lies between two generators."""
        return self.coefficient < 1.0


class ScoringTask(Task):
    """Images and scores of all rows that lack them."""

    protocol: str
    generator: GeneratorTask
    workers: int
    targets: tuple[TargetTask, ...]
