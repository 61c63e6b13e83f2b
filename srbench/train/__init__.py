"""Training: the objective, calibration, the two stages and their checkpoints.

Settings and :data:`TRAINING_VERSION` come without torch; the rest is imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from srbench.train.settings import AdversarialSettings, RuntimeSettings, WarmStartSettings
from srbench.train.version import TRAINING_VERSION

if TYPE_CHECKING:
    from srbench.train.adversarial import run_adversarial
    from srbench.train.calibrate import calibration_constant, gradient_cosine, gradient_norm
    from srbench.train.checkpoint import Checkpoint, CheckpointError, CheckpointFolder
    from srbench.train.stage import Hooks, Point, Sampler, StageResult
    from srbench.train.warm_start import run_warm_start

__all__ = [
    "TRAINING_VERSION",
    "AdversarialSettings",
    "Checkpoint",
    "CheckpointError",
    "CheckpointFolder",
    "Hooks",
    "Point",
    "RuntimeSettings",
    "Sampler",
    "StageResult",
    "WarmStartSettings",
    "calibration_constant",
    "gradient_cosine",
    "gradient_norm",
    "run_adversarial",
    "run_warm_start",
]

_HOMES = {
    "Checkpoint": "checkpoint",
    "CheckpointError": "checkpoint",
    "CheckpointFolder": "checkpoint",
    "Hooks": "stage",
    "Point": "stage",
    "Sampler": "stage",
    "StageResult": "stage",
    "calibration_constant": "calibrate",
    "gradient_cosine": "calibrate",
    "gradient_norm": "calibrate",
    "run_adversarial": "adversarial",
    "run_warm_start": "warm_start",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
