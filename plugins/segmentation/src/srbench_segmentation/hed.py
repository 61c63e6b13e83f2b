"""HED's input range. Needs torch: imported inside the factory only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

HED_MEAN_BGR = (104.00699, 116.66877, 122.67892)
"""What HED subtracts, in units of 0 to 255."""


class HedRange(nn.Module):
    """RGB in [0, 1] to HED's input: BGR, 0 to 255, minus the mean."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean = torch.tensor(HED_MEAN_BGR).view(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """``images``: ``(N, 3, H, W)``, RGB in [0, 1]."""
        return images.flip(1) * 255 - self.mean
