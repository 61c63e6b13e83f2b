"""The generator of a job, inside a worker: its plugin is imported here alone."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from srbench.host import discover
from srbench.models.files import load_generator
from srbench.models.resolve import ResolvedGenerator, resolve_generator
from srbench.run.plan.tasks import ScoringTask, TrainingTask


def generator_of(task: TrainingTask | ScoringTask) -> ResolvedGenerator:
    """The generator that a task names, for its scale."""
    chosen = task.generator
    spec = discover().generator_spec(chosen.name)
    return resolve_generator(spec, chosen.params, task.scale)


def new_generator(task: TrainingTask) -> nn.Module:
    """It with the seed's random weights, on the task's device."""
    return generator_of(task).build(seed=task.seed).to(task.device)


def trained_network(path: Path, task: TrainingTask | ScoringTask) -> nn.Module:
    """It with the weights in ``path``, in eval mode on the task's device."""
    # The task says whose generator it is; the file knows the bare name only.
    spec = generator_of(task).spec
    return load_generator(path, lambda _: spec).network.to(task.device)
