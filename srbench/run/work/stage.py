"""A job at work: what it was told, where its files lie, and how it is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import torch
from torch import nn

from srbench.data import PatchSampler
from srbench.devices import phase
from srbench.records.layout import OutFolder, row_folder
from srbench.run.exec.attempts import Fit
from srbench.run.exec.events import EventLog
from srbench.run.plan.jobs import Job
from srbench.run.plan.tasks import StageTask, Task, TrainingTask
from srbench.run.work.generators import trained_network
from srbench.run.work.hooks import StageHooks
from srbench.run.work.loggers import LoggedRun, Loggers
from srbench.run.work.stage_data import sampler_of, training_images, validator_of
from srbench.train import CheckpointFolder, RuntimeSettings, gradient_norm

TaskT_co = TypeVar("TaskT_co", bound=Task, covariant=True)
Batches = Sequence[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage(Generic[TaskT_co]):
    """What the function of a :class:`srbench.run.plan.jobs.StageKind` works on.

    Attributes:
        should_stop: asked between iterations; true after SIGTERM.
        fit: what earlier attempts taught about the device's memory.
    """

    job: Job
    task: TaskT_co
    out: OutFolder
    events: EventLog
    should_stop: Callable[[], bool]
    fit: Fit = field(default_factory=Fit)


def runtime_of(task: Task) -> RuntimeSettings:
    """The task's ``[execution]`` on its device."""
    return RuntimeSettings(**dict(task.execution), device=task.device)


def prepare(stage: Stage[TrainingTask]) -> None:
    """Have the training images ready; tells of it, since that may take hours."""
    stage.events.write("imported")
    with stage.events.beating("preparing"):
        training_images(stage.task)
    stage.events.write("prepared")


@contextmanager
def training(stage: Stage[StageTask], stream: int) -> Iterator[tuple[PatchSampler, StageHooks]]:
    """The batches of a stage and the hooks that watch it."""
    sampler = sampler_of(stage.task, training_images(stage.task), stream, stage.task.batch_size)
    hooks = StageHooks(
        events=stage.events,
        loggers=Loggers(stage.task.loggers, _logged(stage), stage.events),
        should_stop=stage.should_stop,
        validator=validator_of(stage.task, stage.fit),
    )
    try:
        yield sampler, hooks
    finally:
        sampler.close()
        hooks.close()


def _logged(stage: Stage[StageTask]) -> LoggedRun:
    job = stage.job
    name = row_folder(job.label, job.seed, job.content_scale)
    settings = {"label": job.label, **stage.task.identity()}
    return LoggedRun(out=stage.out, name=name, key=job.key, settings=settings)


def checkpoints(stage: Stage[TrainingTask]) -> CheckpointFolder:
    """The job's checkpoints, at the intervals of the suite's ``[checkpoint]``."""
    folder = stage.out.checkpoint(stage.job.key)
    return CheckpointFolder(folder, identity=stage.job.key, **dict(stage.task.checkpoint))


def norm_of(
    stage: Stage[TrainingTask], generator: nn.Module, loss: nn.Module, batches: Batches
) -> float:
    """See :func:`srbench.train.gradient_norm`."""
    runtime, parts = runtime_of(stage.task), stage.fit.calibration_parts
    with phase("calibration"):
        return gradient_norm(generator, loss, batches, runtime, parts=parts)


def trained(stage: Stage[TrainingTask], key: str) -> nn.Module:
    """The generator that an earlier job left."""
    return trained_network(stage.out.generator(key), stage.task)
