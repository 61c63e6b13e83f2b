"""Suite files: the schema, reading them, and expanding their losses into labels. Never torch."""

from srbench.suite.expand import RESERVED_LABELS, LossRow, expand_losses
from srbench.suite.load import apply_overrides, load_suite, parse_suite, suite_path
from srbench.suite.schema import (
    Adversarial,
    Calibration,
    Checkpoint,
    Data,
    Discriminator,
    Execution,
    Generator,
    Limits,
    LossEntry,
    LossTerm,
    Stopping,
    Suite,
    Validation,
    WarmStart,
)

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
    "Stopping",
    "Suite",
    "Validation",
    "WarmStart",
    "apply_overrides",
    "expand_losses",
    "load_suite",
    "parse_suite",
    "suite_path",
]
