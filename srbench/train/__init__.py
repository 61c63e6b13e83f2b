"""Training: the objective, calibration, the two stages and their checkpoints.

Settings and :data:`TRAINING_VERSION` come without torch; the rest is imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.lazy import lazy_names
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

__getattr__ = lazy_names(
    __name__,
    {
        ".adversarial": ("run_adversarial",),
        ".calibrate": ("calibration_constant", "gradient_cosine", "gradient_norm"),
        ".checkpoint": ("Checkpoint", "CheckpointError", "CheckpointFolder"),
        ".stage": ("Hooks", "Point", "Sampler", "StageResult"),
        ".warm_start": ("run_warm_start",),
    },
)
