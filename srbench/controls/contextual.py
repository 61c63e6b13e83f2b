r"""Contextual loss: every HR feature should be met by some SR feature, wherever it is.

Source: Mechrez, Talmi, Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned
Data", ECCV 2018, arXiv 1803.02077. With :math:`d_{ij}` the cosine distance between the SR feature i
and the HR feature j, both minus the mean of the HR features,

.. math:: \tilde d_{ij} = \frac{d_{ij}}{\min_k d_{ik} + \epsilon}, \quad
          w_{ij} = \exp\frac{1 - \tilde d_{ij}}{h}, \quad
          c_{ij} = \frac{w_{ij}}{\sum_k w_{ik}}, \quad
          L = -\log \frac1N \sum_j \max_i c_{ij}

The mean is that of each image, not of the batch: a batch then gives the mean of its images. Memory
is quadratic in the number of positions: a tap at a quarter of 96 pixels has 576 squared.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract.features import FeatureLoss

_EPSILON = 1e-5


class ContextualLoss(FeatureLoss):
    """Contextual loss of one layer's features; near 0 for equal images, lower is better.

    Args:
        network: as for :class:`~srbench.contract.features.FeatureLoss`.
        tap: likewise; one layer.
        normalize: likewise.
        bandwidth: the paper's h; smaller is stricter.
        min_size: smallest side of an image in pixels.
    """

    def __init__(
        self,
        network: nn.Module,
        tap: str,
        *,
        normalize: tuple[tuple[float, ...], tuple[float, ...]],
        bandwidth: float = 0.5,
        min_size: int = 1,
    ) -> None:
        super().__init__(network, tap, normalize=normalize, min_size=min_size)
        self.bandwidth = bandwidth

    def _distance(self, output: Tensor, target: Tensor) -> Tensor:
        with torch.autocast(output.device.type, enabled=False):
            similarity = contextual_similarity(output.float(), target.float(), self.bandwidth)
            return -similarity.log().mean()


def contextual_similarity(sr: Tensor, hr: Tensor, bandwidth: float = 0.5) -> Tensor:
    """The paper's CX of two ``(N, C, h, w)`` maps: ``(N,)``, in (0, 1], higher is more alike."""
    mean = hr.mean((2, 3), keepdim=True)
    ours = F.normalize((sr - mean).flatten(2), dim=1)
    theirs = F.normalize((hr - mean).flatten(2), dim=1)
    distance = (1 - ours.transpose(1, 2) @ theirs).clamp_min(0)
    relative = distance / (distance.amin(2, keepdim=True) + _EPSILON)
    # The softmax over HR positions is w over its sum: the constant 1 / h cancels.
    return torch.softmax(-relative / bandwidth, dim=2).amax(1).mean(1)
