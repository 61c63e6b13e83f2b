"""Settings, declared once: of suite files, of jobs and of training. Never torch."""

from srbench.settings.expand import RESERVED_LABELS, LossRow, expand_losses
from srbench.settings.load import apply_overrides, load_suite, parse_suite, suite_path
from srbench.settings.sections import (
    Adversarial,
    Calibration,
    Checkpoint,
    Data,
    Discriminator,
    Execution,
    Generator,
    Limits,
    Objective,
    Stopping,
    TrainingData,
    Validation,
    WarmStart,
)
from srbench.settings.suite import LossEntry, LossTerm, Suite

__all__ = [
    "RESERVED_LABELS",
    "Adversarial",
    "Calibration",
    "Checkpoint",
    "Data",
    "Discriminator",
    "Execution",
    "Generator",
    "Limits",
    "LossEntry",
    "LossRow",
    "LossTerm",
    "Objective",
    "Stopping",
    "Suite",
    "TrainingData",
    "Validation",
    "WarmStart",
    "apply_overrides",
    "expand_losses",
    "load_suite",
    "parse_suite",
    "suite_path",
]
