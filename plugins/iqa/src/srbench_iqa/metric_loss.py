"""What the metric losses have in common: frozen, float32, gradients to ``sr`` only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor, nn

from srbench.contract.features import check_images


class MetricLoss(nn.Module, ABC):
    """A full-reference metric of which lower is better, as a loss.

    Args:
        min_size: smallest side of an image that the metric takes, in pixels.
    """

    def __init__(self, min_size: int) -> None:
        super().__init__()
        self.min_size = min_size

    @abstractmethod
    def describe(self, images: Tensor) -> tuple[Tensor, ...]:
        """What the metric compares of ``(N, 3, H, W)`` RGB images in [0, 1]."""

    @abstractmethod
    def compare(self, sr: tuple[Tensor, ...], hr: tuple[Tensor, ...]) -> Tensor:
        """One score per image, ``(N,)``, of what :meth:`describe` gave."""

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        return super().train(False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The batch mean as a float32 scalar; both ``(N, 3, H, W)``, RGB in [0, 1].

        Raises:
            UserError: the shapes differ, are not ``(N, 3, H, W)``, or are below ``min_size``.
        """
        check_images(sr, hr, self.min_size)
        with torch.no_grad():  # and detached: a metric may compare the image itself
            target = self.describe(hr.detach().float())
        return self.compare(self.describe(sr.float()), target).mean()
