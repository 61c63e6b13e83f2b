"""Pixel losses: SR against HR without any network. Lower is better, 0 for equal images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract.features import check_images
from srbench.errors import UserError


def charbonnier(sr: Tensor, hr: Tensor, epsilon: float = 1e-3) -> Tensor:
    r"""Mean of :math:`\sqrt{(\mathrm{SR} - \mathrm{HR})^2 + \epsilon^2}`, a smooth L1.

    Source: Lai et al., "Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution",
    CVPR 2017, with epsilon = 1e-3. It is epsilon, not 0, for equal images.
    """
    return torch.sqrt((sr - hr).square() + epsilon**2).mean()


class PixelLoss(nn.Module):
    """A function of two images as a loss module.

    Args:
        function: takes ``sr`` and ``hr``, float32 ``(N, 3, H, W)``, gives the batch mean.
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The batch mean as a float32 scalar; both ``(N, 3, H, W)``, RGB in [0, 1].

        Gradients reach ``sr`` only.

        Raises:
            UserError: the shapes differ or are not ``(N, 3, H, W)``.
        """
        check_images(sr, hr)
        return self.function(_at_least_float32(sr), _at_least_float32(hr.detach()))


class Charbonnier(nn.Module):
    """:func:`charbonnier` as a picklable function object.

    Args:
        epsilon: in units of [0, 1] images.
    """

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        if not epsilon > 0:
            raise UserError(f"expected a positive epsilon, got {epsilon!r}")
        self.epsilon = epsilon

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """See :func:`charbonnier`."""
        return charbonnier(sr, hr, self.epsilon)


def l1() -> PixelLoss:
    """Mean absolute error."""
    return PixelLoss(F.l1_loss)


def l2() -> PixelLoss:
    """Mean squared error, without a square root or a factor 1/2."""
    return PixelLoss(F.mse_loss)


def _at_least_float32(images: Tensor) -> Tensor:
    return images.to(torch.promote_types(images.dtype, torch.float32))
