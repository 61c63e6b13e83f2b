"""The images that a training job sees: its random stream, its fixed batches, its validation."""

from __future__ import annotations

import torch

from srbench.data import Dataset, PatchSampler, find_dataset, prepare_store, split_validation
from srbench.run.plan.jobs import Job
from srbench.run.work.validation import Validator

# The parts of one run must not draw from one random stream; all losses of a seed share them, and so
# see the same patches in the same order.
WARM_STREAM, ADVERSARIAL_STREAM, FIXED_STREAM = range(3)


def job_datasets(job: Job) -> tuple[Dataset, Dataset]:
    """Training images and held-out images."""
    data = job.request["data"]
    found = find_dataset(data["train"], count=data["train_count"], seed=data["subset_seed"])
    return split_validation(found, data["val"])


def prepare_images(job: Job) -> None:
    """Decode the training images into their store, once per machine; hours for the largest sets."""
    train, _ = job_datasets(job)
    prepare_store(train)


def job_sampler(job: Job, stream: int) -> PatchSampler:
    """The endless stream of a stage."""
    data = job.request["data"]
    train, _ = job_datasets(job)
    return PatchSampler(
        prepare_store(train),
        patch_size=data["patch_size"],
        batch_size=data["batch_size"],
        scale=job.request["scale"],
        seed=1000 * job.seed + stream,
        device=job.request["device"],
    )


def fixed_batches(job: Job, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """``count`` batches ``(lr, hr)`` that are the same for all losses of a seed."""
    sampler = job_sampler(job, FIXED_STREAM)
    try:
        return list(sampler.fixed_batches(count, seed=1000 * job.seed + FIXED_STREAM))
    finally:
        sampler.close()


def job_validator(job: Job, metrics: tuple[str, ...] | None = None) -> Validator | None:
    """Scores by ``metrics``, or by the suite's; ``None`` where no images are held out."""
    data = job.request["data"]
    if not data["val"]:
        return None
    _, val = job_datasets(job)
    return Validator(
        val,
        metrics=tuple(job.request["validation"]["metrics"]) if metrics is None else metrics,
        scale=job.request["scale"],
        device=job.request["device"],
    )
