"""The generator of a job, inside a worker: its plugin is imported here alone."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from srbench.host import discover
from srbench.models.files import load_generator
from srbench.models.resolve import ResolvedGenerator, resolve_generator
from srbench.run.plan.tasks import ScoringTask, TrainingTask


def generator_of(task: TrainingTask | ScoringTask) -> ResolvedGenerator:
    """The generator that a job names, for its scale."""
    spec = discover().generator_spec(task.generator.name)
    return resolve_generator(spec, task.generator.params, task.scale)


def trained_network(path: Path, task: TrainingTask | ScoringTask) -> nn.Module:
    """The job's generator with the weights in ``path``, in eval mode on the job's device."""
    # The job says whose generator it is; the file knows the bare name only.
    spec = generator_of(task).spec
    return load_generator(path, lambda _: spec).network.to(task.device)
