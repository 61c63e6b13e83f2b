"""What a training stage leaves behind: its generator, and its result as JSON data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from torch import nn

from srbench.models.files import save_generator
from srbench.run.plan.environment import describe_environment, device_name
from srbench.run.plan.tasks import TrainingTask
from srbench.run.work.generators import generator_of
from srbench.run.work.stage import Stage

if TYPE_CHECKING:
    from srbench.train import Point, StageResult


def generator_document(stage: Stage[TrainingTask], generator: nn.Module) -> dict[str, Any]:
    """Save the generator; the least that the result of a kind with a generator holds."""
    path = stage.out.generator(stage.job.key)
    return file_document(stage, save_generator(generator, generator_of(stage.task), path))


def file_document(stage: Stage[TrainingTask], sha256: str) -> dict[str, Any]:
    """As :func:`generator_document`, of a file that is in its place."""
    job, task = stage.job, stage.task
    path = stage.out.generator(job.key)
    gpu = device_name(task.device) if task.device != "cpu" else None
    environment = describe_environment(threads=task.execution.threads or 0, gpu=gpu)
    return {
        "key": job.key,
        "kind": job.kind.name,
        "generator": {
            "sha256": sha256,
            "bytes": path.stat().st_size,
            "mtime_ns": path.stat().st_mtime_ns,
        },
        "environment": environment.model_dump(mode="json"),
    }


def result_document(
    stage: Stage[TrainingTask], generator: nn.Module, result: StageResult
) -> dict[str, Any]:
    """Save the generator and tell how it was trained."""
    return {
        **generator_document(stage, generator),
        "log": [_point(iteration, values) for iteration, values in result.log],
        "validation": [_point(iteration, values) for iteration, values in result.validation],
        "game": [_point(iteration, values) for iteration, values in result.game],
        "cost": {
            "device": device_name(stage.task.device),
            "seconds": result.seconds,
            "iterations_per_second": result.iterations_per_second,
            "peak_memory_bytes": result.peak_memory_bytes,
            "data_wait_fraction": result.data_wait_fraction,
        },
        "collapsed": result.lost,
        "notes": [*result.notes, *_micro_batch_notes(stage), *_skipped_notes(result.log)],
    }


def _micro_batch_notes(stage: Stage[TrainingTask]) -> list[str]:
    parts = stage.fit.micro_batches
    if parts == 1:
        return []
    batch = stage.task.batch_size
    return [
        f"each batch of {batch} was computed in {parts} parts and the gradients "
        f"summed, since it did not fit the GPU's memory: the effective batch is still {batch}, but "
        "BatchNorm saw one part at a time, from the checkpoint on at which that began"
    ]


def _skipped_notes(log: Sequence[Point]) -> list[str]:
    """How many steps float16 cost: of each logged point their share since the one before."""
    since = [0, *(iteration for iteration, _ in log)]
    shares = [values.get("skipped", 0.0) for _, values in log]
    skipped = sum(s * (b - a) for s, (a, b) in zip(shares, pairwise(since), strict=True))
    if not skipped:
        return []
    return [f"{skipped:.0f} of {since[-1]} steps were skipped: gradients overflowed in float16"]


def _point(iteration: int, values: Mapping[str, float]) -> dict[str, Any]:
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return {"iteration": iteration, "scores": finite}
