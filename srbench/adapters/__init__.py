"""srbench's losses under the names that other trainers' option files know; torch, no trainer.

:mod:`srbench.adapters.basicsr` puts them into BasicSR's registry. For trainers with a registry of
that kind (neosr, traiNNer-redux): ``LOSS_REGISTRY.register()(SrbenchLoss)``.
"""

from __future__ import annotations

from torch import Tensor, nn

from srbench.api import load_loss
from srbench.settings.loss_text import parse_loss


class SrbenchLoss(nn.Module):
    """``loss_weight`` x an installed loss, as an entry of an option file.

    Args:
        loss: as on srbench's command line: ``vgg16,tap=conv5_3``.
        loss_weight: what ``srbench calibrate`` prints.
        patch_size: side of the images that it will see, HR pixels.
    """

    def __init__(self, loss: str, loss_weight: float = 1.0, patch_size: int = 96) -> None:
        super().__init__()
        name, params = parse_loss(loss)
        self.loss = load_loss(name, params=params, patch_size=patch_size)
        self.loss_weight = loss_weight

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Both RGB in [0, 1], ``(N, 3, H, W)``; the weighted batch mean."""
        value: Tensor = self.loss_weight * self.loss(sr, hr)
        return value
