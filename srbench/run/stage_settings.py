"""From a job's request to the settings of the training room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from srbench.errors import ContractError
from srbench.run.jobs import Job
from srbench.run.layout import OutFolder
from srbench.train import AdversarialSettings, CheckpointFolder, RuntimeSettings, WarmStartSettings


def warm_start_settings(request: Mapping[str, Any], micro_batches: int) -> WarmStartSettings:
    """The suite's ``[warm_start]``."""
    section = request["warm_start"]
    return WarmStartSettings(
        loss=section["loss"],
        iterations=section["iterations"],
        learning_rate=section["learning_rate"],
        milestones=tuple(section["milestones"]),
        gamma=section["gamma"],
        log_every=_log_every(section["iterations"]),
        validate_every=request["validation"]["every"],
        micro_batches=micro_batches,
    )


def adversarial_settings(
    request: Mapping[str, Any], constant: float, micro_batches: int
) -> AdversarialSettings:
    """The suite's ``[adversarial]`` for one content scale and calibration constant."""
    section = request["adversarial"]
    return AdversarialSettings(
        iterations=section["iterations"],
        learning_rate=section["learning_rate"],
        milestones=tuple(section["milestones"]),
        gamma=section["gamma"],
        betas=tuple(section["betas"]),
        content_weight=section["content_weight"],
        content_scale=request["content_scale"],
        content_constant=constant,
        pixel_loss=section["pixel_loss"],
        pixel_weight=section["pixel_weight"],
        adversarial_loss=section["adversarial_loss"],
        adversarial_weight=section["adversarial_weight"],
        log_every=_log_every(section["iterations"]),
        validate_every=request["validation"]["every"],
        micro_batches=micro_batches,
    )


def checkpoint_folder(job: Job, out: OutFolder) -> CheckpointFolder:
    """The job's checkpoints, at the intervals of the suite's ``[checkpoint]``."""
    section = job.request["checkpoint"]
    return CheckpointFolder(
        out.checkpoint(job.key),
        identity=job.key,
        every_seconds=section["every_seconds"],
        every_iterations=section["every_iterations"],
    )


def runtime_settings(request: Mapping[str, Any]) -> RuntimeSettings:
    """The suite's ``[execution]``.

    Raises:
        ContractError: CUDA is wanted and torch sees none.
    """
    execution = request["execution"]
    settings = RuntimeSettings(
        device=request["device"],
        precision=execution["precision"],
        loss_precision=execution["loss_precision"],
        tf32=execution["tf32"],
        channels_last=execution["channels_last"],
        compile=execution["compile"],
        fused_adam=execution["fused_adam"],
        threads=execution["threads"],
    )
    if request["device"] == "cuda" and not torch.cuda.is_available():
        raise ContractError(
            "expected a CUDA device, found none that torch can use",
            "run with --device cpu, or install a torch build for this machine's driver",
        )
    return settings


def _log_every(iterations: int) -> int:
    """About 200 logged points per stage, at most one every 10 iterations."""
    return max(10, iterations // 200)
