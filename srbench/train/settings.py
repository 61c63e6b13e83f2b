"""What the stages are told: a section of the suite and the few values that a job adds. No torch."""

from __future__ import annotations

from pydantic import Field, field_validator

from srbench.settings import Execution, Objective, WarmStart
from srbench.settings.sections import Positive
from srbench.strict import Strict
from srbench.train.adversarial_losses import adversarial_loss


class Pace(Strict):
    """How a stage is watched and cut up: the first two change no result."""

    log_every: int = Field(
        50, ge=1, description="iterations between logged values, where alone the device is awaited"
    )
    validate_every: int = Field(0, ge=0, description="0: at the end only")
    micro_batches: int = Field(
        1, ge=1, description="parts of a batch, gradients summed, where memory is short"
    )


class WarmStartSettings(WarmStart, Pace):
    """One warm start."""


class AdversarialSettings(Objective, Pace):
    """One adversarial run: at one content scale, with the constant that calibration gave."""

    content_scale: Positive = 1.0
    content_constant: Positive = 1.0

    @field_validator("adversarial_loss")
    @classmethod
    def _known(cls, name: str) -> str:
        adversarial_loss(name)
        return name

    @property
    def content_factor(self) -> float:
        """What the raw content loss is multiplied by."""
        return self.content_weight * self.content_scale * self.content_constant

    @property
    def discriminator_relative_rate(self) -> float:
        """The discriminator's learning rate over the generator's."""
        return (self.discriminator_learning_rate or self.learning_rate) / self.learning_rate


class RuntimeSettings(Execution):
    """How and where the arithmetic is done; values of the objective are float32 in any case."""

    device: str | None = Field(None, description="as torch names it; None: CUDA if any")
