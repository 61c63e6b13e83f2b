"""The pixel term of the objective; the adversarial ones are a table of their own."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from srbench.settings.sections import PixelLoss


def pixel_loss(sr: Tensor, hr: Tensor, kind: PixelLoss) -> Tensor:
    """Mean absolute (``l1``) or squared (``l2``) difference of ``(N, 3, H, W)`` images."""
    return F.l1_loss(sr, hr) if kind == "l1" else F.mse_loss(sr, hr)
