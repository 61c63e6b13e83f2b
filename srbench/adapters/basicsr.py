"""Import this before BasicSR builds a model, and its option files know srbench's losses.

``SrbenchLoss`` stands where one number is expected (``pixel_opt``), ``SrbenchPerceptualLoss`` where
BasicSR expects a perceptual and a style loss (``perceptual_opt``); ``srbench docs your-trainer``
has a whole file.
"""

from __future__ import annotations

from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor

from srbench.adapters import SrbenchLoss


class SrbenchPerceptualLoss(SrbenchLoss):
    """As :class:`SrbenchLoss`, with no style loss beside it."""

    def forward(self, sr: Tensor, hr: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """The pair that BasicSR takes apart."""
        return super().forward(sr, hr), None


LOSS_REGISTRY.register(SrbenchLoss)
LOSS_REGISTRY.register(SrbenchPerceptualLoss)
