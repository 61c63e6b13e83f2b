"""The images that a training job sees: its random stream, its fixed batches, its validation."""

from __future__ import annotations

import torch

from srbench.data import Dataset, PatchSampler, find_dataset, prepare_store, split_validation
from srbench.run.exec.attempts import Fit
from srbench.run.plan.tasks import StageTask, TrainingTask
from srbench.run.work.generators import generator_of
from srbench.run.work.validation import Validator

# The parts of one run must not draw from one random stream; all losses of a seed share them, and so
# see the same patches in the same order.
WARM_STREAM, ADVERSARIAL_STREAM, FIXED_STREAM, HELD_OUT_STREAM = range(4)

HELD_OUT_BATCHES, HELD_OUT_PATCHES = 8, 4
"""On which the health of the game is measured, whatever the suite's batch size: the figures of two
suites can then be compared, and no large batch is needed for them."""


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
    return _sampler(task, datasets_of(task)[0], stream, task.batch_size)


def _sampler(task: TrainingTask, images: Dataset, stream: int, batch_size: int) -> PatchSampler:
    return PatchSampler(
        prepare_store(images),
        patch_size=task.data.patch_size,
        batch_size=batch_size,
        scale=task.scale,
        seed=1000 * task.seed + stream,
        device=task.device,
    )


def fixed_batches(
    task: TrainingTask, count: int, batch_size: int | None = None
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """``count`` batches ``(lr, hr)`` that are the same for all losses of a seed."""
    images = datasets_of(task)[0]
    with _sampler(task, images, FIXED_STREAM, batch_size or task.data.batch_size) as sampler:
        return sampler.fixed_batches(count, seed=1000 * task.seed + FIXED_STREAM)


def held_out_batches(task: StageTask) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Patches of the held-out images, or of the training images where none are held out."""
    train, val = datasets_of(task)
    images = val if task.data.val else train
    with _sampler(task, images, HELD_OUT_STREAM, HELD_OUT_PATCHES) as sampler:
        return sampler.fixed_batches(HELD_OUT_BATCHES, seed=HELD_OUT_STREAM)


def validator_of(
    task: StageTask, fit: Fit, metrics: tuple[str, ...] | None = None
) -> Validator | None:
    """Scores by ``metrics``, or by the suite's; ``None`` where no images are held out."""
    if not task.data.val:
        return None
    _, val = datasets_of(task)
    return Validator(
        val,
        metrics=task.validation.metrics if metrics is None else metrics,
        generator=generator_of(task),
        device=task.device,
        fit=fit,
    )
