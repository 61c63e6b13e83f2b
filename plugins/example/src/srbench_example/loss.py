"""The loss itself: mean absolute difference of image gradients, and a little L1."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def gradients(images: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbouring pixels of ``(N, 3, H, W)``, across and down."""
    return images.diff(dim=-1), images.diff(dim=-2)


class ExampleLoss(nn.Module):
    """``sum over directions of mean|d(sr) - d(hr)| + pixel_weight * mean|sr - hr|``.

    Lower is better, 0 for equal images. Frozen: it has no parameters. Gradients reach ``sr`` only.

    Args:
        pixel_weight: weight of the L1; without it, a change of brightness would cost nothing.
    """

    def __init__(self, pixel_weight: float) -> None:
        super().__init__()
        self.pixel_weight = pixel_weight

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The batch mean, a scalar; both are RGB float32 ``(N, 3, H, W)`` in [0, 1]."""
        sr = sr.float()  # the generator's output may be bfloat16
        with torch.no_grad():
            hr = hr.float()
            targets = gradients(hr)
        value = self.pixel_weight * F.l1_loss(sr, hr.detach())
        for gradient, target in zip(gradients(sr), targets, strict=True):
            value = value + F.l1_loss(gradient, target)
        return value
