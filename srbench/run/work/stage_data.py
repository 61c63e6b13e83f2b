"""The images that a training job sees: its random stream, its fixed batches, its validation."""

from __future__ import annotations

import torch

from srbench.data import Dataset, PatchSampler, find_dataset, prepare_store, split_validation
from srbench.run.plan.tasks import StageTask, TrainingTask
from srbench.run.work.validation import Validator

# The parts of one run must not draw from one random stream; all losses of a seed share them, and so
# see the same patches in the same order.
WARM_STREAM, ADVERSARIAL_STREAM, FIXED_STREAM = range(3)


def datasets_of(task: TrainingTask) -> tuple[Dataset, Dataset]:
    """Training images and held-out images."""
    data = task.data
    found = find_dataset(data.train, count=data.train_count, seed=data.subset_seed)
    return split_validation(found, data.val)


def prepare_images(task: TrainingTask) -> None:
    """Decode the training images into their store, once per machine; hours for the largest sets."""
    train, _ = datasets_of(task)
    prepare_store(train)


def sampler_of(task: TrainingTask, stream: int) -> PatchSampler:
    """The endless stream of a stage."""
    train, _ = datasets_of(task)
    return PatchSampler(
        prepare_store(train),
        patch_size=task.data.patch_size,
        batch_size=task.data.batch_size,
        scale=task.scale,
        seed=1000 * task.seed + stream,
        device=task.device,
    )


def fixed_batches(task: TrainingTask, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """``count`` batches ``(lr, hr)`` that are the same for all losses of a seed."""
    sampler = sampler_of(task, FIXED_STREAM)
    try:
        return list(sampler.fixed_batches(count, seed=1000 * task.seed + FIXED_STREAM))
    finally:
        sampler.close()


def validator_of(task: StageTask, metrics: tuple[str, ...] | None = None) -> Validator | None:
    """Scores by ``metrics``, or by the suite's; ``None`` where no images are held out."""
    if not task.data.val:
        return None
    _, val = datasets_of(task)
    return Validator(
        val,
        metrics=task.validation.metrics if metrics is None else metrics,
        scale=task.scale,
        device=task.device,
    )
