"""The images that a training job sees: its random stream, its fixed batches, its validation."""

from __future__ import annotations

import torch

from srbench.data import (
    Dataset,
    PatchSampler,
    PreparedImages,
    find_dataset,
    open_images,
    prepare_images,
    split_validation,
)
from srbench.errors import DataError
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
    """Training images and held-out images, looked up by name: minutes for the largest sets."""
    data = task.data
    found = find_dataset(data.train, count=data.train_count, seed=data.subset_seed)
    return split_validation(found, data.val)


def training_images(task: TrainingTask) -> PreparedImages:
    """Ready to be trained on. The first time on a machine that takes hours for the largest sets."""
    return _prepared(task, task.train_place, held_out=False)


def held_out_images(task: StageTask) -> PreparedImages:
    """Ready to be scored, or to cut patches from."""
    return _prepared(task, task.val_place, held_out=True)


def _prepared(task: TrainingTask, place: str, *, held_out: bool) -> PreparedImages:
    """What lies where the planning process said; else it is looked up and made.

    Raises:
        DataError: the images of that name are others than those that were planned with.
    """
    images = open_images(place) if place else None
    if images is not None:
        return images
    dataset = datasets_of(task)[held_out]
    planned = task.val if held_out and isinstance(task, StageTask) else task.train
    if place and dataset.manifest().sha256 != planned:
        raise DataError(
            f"expected the images of {task.data.train!r} that this run was planned with, got others"
            " here: their names or bytes differ",
            "run the same command again; on several machines, give all of them the same files",
        )
    return prepare_images(dataset, task.data.store)


def sampler_of(
    task: TrainingTask, images: PreparedImages, stream: int, batch_size: int
) -> PatchSampler:
    """An endless stream of patches."""
    return PatchSampler(
        images,
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
    size = batch_size or task.data.batch_size
    with sampler_of(task, training_images(task), FIXED_STREAM, size) as sampler:
        return sampler.fixed_batches(count, seed=1000 * task.seed + FIXED_STREAM)


def held_out_batches(task: StageTask) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Patches of the held-out images, or of the training images where none are held out."""
    images = held_out_images(task) if task.data.val else training_images(task)
    with sampler_of(task, images, HELD_OUT_STREAM, HELD_OUT_PATCHES) as sampler:
        return sampler.fixed_batches(HELD_OUT_BATCHES, seed=HELD_OUT_STREAM)


def validator_of(
    task: StageTask, fit: Fit | None = None, metrics: tuple[str, ...] | None = None
) -> Validator | None:
    """Scores by ``metrics``, or by the suite's; ``None`` where no images are held out."""
    if not task.data.val:
        return None
    return Validator(
        held_out_images(task),
        metrics=task.validation.metrics if metrics is None else metrics,
        generator=generator_of(task),
        device=task.device,
        fit=fit or Fit(),
    )
