"""What the stages are told, as data. Never torch.

The fields mirror the suite's ``[warm_start]``, ``[adversarial]`` and ``[execution]`` sections.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from srbench.errors import UserError

PixelLoss = Literal["l1", "l2"]
AdversarialLoss = Literal["non-saturating", "one-minus-d"]
Precision = Literal["float32", "bf16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmStartSettings:
    """The generator alone on a pixel loss.

    Attributes:
        loss: ``l1`` or ``l2``, mean over the batch.
        iterations: generator updates; 0 leaves the generator as it was built.
        learning_rate: of Adam.
        milestones: iterations at which the rate is multiplied by ``gamma``.
        betas: of Adam.
        log_every: iterations between logged values; the only points where the device is awaited.
        validate_every: iterations between calls of the validation hook; 0 calls it at the end only.
        micro_batches: parts that a batch is computed in, gradients summed, where memory is short.
    """

    iterations: int
    loss: PixelLoss = "l1"
    learning_rate: float = 1e-4
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    log_every: int = 50
    validate_every: int = 0
    micro_batches: int = 1

    def __post_init__(self) -> None:
        _one_of("loss", self.loss, ("l1", "l2"))
        _at_least("iterations", self.iterations, 0)
        _check_schedule(self.learning_rate, self.milestones, self.gamma, self.betas)
        _at_least("log_every", self.log_every, 1)
        _at_least("validate_every", self.validate_every, 0)
        _at_least("micro_batches", self.micro_batches, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class AdversarialSettings:
    """Content, pixel and adversarial terms together.

    objective = content_weight x content_scale x content_constant x content loss
    + pixel_weight x pixel loss + adversarial_weight x adversarial loss

    Attributes:
        content_scale: one of the suite's ``content_scales``.
        content_constant: from calibration; 1 on track ``raw``.
        adversarial_loss: ``non-saturating`` is binary cross-entropy on logits; ``one-minus-d`` is
            that of the widespread PyTorch SRGAN code: ``1 - D(SR)`` for the generator and
            ``1 - D(HR) + D(SR)`` for the discriminator, on sigmoids.
        adversarial_weight: 0 trains without a discriminator.

    The others are as for :class:`WarmStartSettings`; both networks use one schedule.
    """

    iterations: int
    learning_rate: float = 1e-4
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    content_weight: float = 1.0
    content_scale: float = 1.0
    content_constant: float = 1.0
    pixel_loss: PixelLoss = "l1"
    pixel_weight: float = 0.0
    adversarial_loss: AdversarialLoss = "non-saturating"
    adversarial_weight: float = 1e-3
    log_every: int = 50
    validate_every: int = 0
    micro_batches: int = 1

    @property
    def content_factor(self) -> float:
        """What the raw content loss is multiplied by."""
        return self.content_weight * self.content_scale * self.content_constant

    def __post_init__(self) -> None:
        _one_of("pixel_loss", self.pixel_loss, ("l1", "l2"))
        _one_of("adversarial_loss", self.adversarial_loss, ("non-saturating", "one-minus-d"))
        _at_least("iterations", self.iterations, 0)
        _check_schedule(self.learning_rate, self.milestones, self.gamma, self.betas)
        for what in ("content_weight", "pixel_weight", "adversarial_weight"):
            _finite(what, getattr(self, what), positive=False)
        for what in ("content_scale", "content_constant"):
            _finite(what, getattr(self, what), positive=True)
        _at_least("log_every", self.log_every, 1)
        _at_least("validate_every", self.validate_every, 0)
        _at_least("micro_batches", self.micro_batches, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeSettings:
    """How the arithmetic is done; values of the objective are float32 whatever this says.

    Attributes:
        device: ``cuda``, ``cuda:N`` or ``cpu``; ``None`` takes CUDA where there is one.
        precision: ``bf16`` autocasts generator and discriminator.
        loss_precision: ``bf16`` autocasts the loss network; its gradient then differs
            (:func:`srbench.train.gradient_cosine` measures by how much).
        tf32: TF32 matrix units for float32 work on CUDA.
        channels_last: memory layout of networks and images.
        compile: ``torch.compile`` of generator, discriminator and loss network.
        fused_adam: one kernel per optimiser step.
        threads: CPU threads; ``None`` keeps torch's own number.
    """

    device: str | None = None
    precision: Precision = "float32"
    loss_precision: Precision = "float32"
    tf32: bool = False
    channels_last: bool = True
    compile: bool = False
    fused_adam: bool = True
    threads: int | None = None

    def __post_init__(self) -> None:
        _one_of("precision", self.precision, ("float32", "bf16"))
        _one_of("loss_precision", self.loss_precision, ("float32", "bf16"))
        if self.threads is not None:
            _at_least("threads", self.threads, 1)


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"expected {what} to be one of {', '.join(allowed)}, got {value!r}")


def _at_least(what: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"expected {what} to be a whole number of at least {least}, got {value!r}")


def _finite(what: str, value: float, *, positive: bool) -> None:
    if not math.isfinite(value) or value < 0 or (positive and value == 0):
        kind = "positive" if positive else "non-negative"
        raise UserError(f"expected {what} to be a {kind} finite number, got {value!r}")


def _check_schedule(
    learning_rate: float, milestones: tuple[int, ...], gamma: float, betas: tuple[float, float]
) -> None:
    _finite("learning_rate", learning_rate, positive=True)
    _finite("gamma", gamma, positive=True)
    if list(milestones) != sorted(set(milestones)) or any(m < 1 for m in milestones):
        raise UserError(
            f"expected milestones to be rising iterations of at least 1, got {milestones}"
        )
    if not all(0 <= beta < 1 for beta in betas):
        raise UserError(f"expected betas in [0, 1), got {betas}")
