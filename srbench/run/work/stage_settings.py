"""From a job's request to the settings of the training room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from srbench.errors import ContractError
from srbench.run.layout import OutFolder
from srbench.run.plan.jobs import Job
from srbench.train import AdversarialSettings, CheckpointFolder, RuntimeSettings, WarmStartSettings


def warm_start_settings(request: Mapping[str, Any], micro_batches: int) -> WarmStartSettings:
    """The suite's ``[warm_start]``."""
    section = request["warm_start"]
    return WarmStartSettings(
        **section,
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
        **section,
        content_scale=request["content_scale"],
        content_constant=constant,
        log_every=_log_every(section["iterations"]),
        validate_every=request["validation"]["every"],
        micro_batches=micro_batches,
    )


def checkpoint_folder(job: Job, out: OutFolder) -> CheckpointFolder:
    """The job's checkpoints, at the intervals of the suite's ``[checkpoint]``."""
    return CheckpointFolder(out.checkpoint(job.key), identity=job.key, **job.request["checkpoint"])


def runtime_settings(request: Mapping[str, Any]) -> RuntimeSettings:
    """The suite's ``[execution]``.

    Raises:
        ContractError: CUDA is wanted and torch sees none.
    """
    if request["device"] == "cuda" and not torch.cuda.is_available():
        raise ContractError(
            "expected a CUDA device, found none that torch can use",
            "run with --device cpu, or install a torch build for this machine's driver",
        )
    return RuntimeSettings(**request["execution"], device=request["device"])


def _log_every(iterations: int) -> int:
    """About 200 logged points per stage, at most one every 10 iterations."""
    return max(10, iterations // 200)
