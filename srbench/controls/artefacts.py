r"""Pixel losses that weigh where, or at which frequency, SR differs; 0 for equal images.

All compare SR with HR alone, without a network. Images are float32 ``(N, 3, H, W)`` in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LDL_WINDOW = 7
"""Side of the window, in pixels, whose spread of the residual LDL takes for an artefact."""


def fft_l1(sr: Tensor, hr: Tensor) -> Tensor:
    r"""Mean absolute difference of the real and imaginary parts of the orthonormal spectra.

    Source: Cho et al., "Rethinking Coarse-to-Fine Approach in Single Image Deblurring" (MIMO-UNet),
    ICCV 2021, arXiv 2108.05054, whose spectra are not normalised: a constant factor.
    """
    return torch.view_as_real(torch.fft.rfft2(sr - hr, norm="ortho")).abs().mean()


def wavelet_l1(sr: Tensor, hr: Tensor, levels: int = 2, approximation: float = 0.1) -> Tensor:
    r"""Mean absolute differences of the subbands of an undecimated Haar transform, added up.

    After Korkmaz, Tekalp, "Training Generative Image Super-Resolution Models by Wavelet-Domain
    Losses Enables Better Control of Artifacts", CVPR 2024, arXiv 2402.19215, which takes a longer
    filter. Bands add up to the image, images are continued periodically.

    Args:
        sr: ``(N, C, H, W)``.
        hr: likewise.
        levels: each halves the frequencies; all detail bands count alike.
        approximation: weight of what is left below the last level.
    """
    low, total = sr - hr, sr.new_zeros(())
    for level in range(levels):
        low, *details = haar_bands(low, 2**level)
        total = total + sum(band.abs().mean() for band in details)
    return total + approximation * low.abs().mean()


def haar_bands(images: Tensor, distance: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Halved sums and differences of neighbours at ``distance``: low, down, across, both ways."""
    bands: tuple[Tensor, ...] = (images,)
    for side in (-1, -2):
        bands = tuple(
            (band + sign * band.roll(-distance, side)) / 2 for band in bands for sign in (1, -1)
        )
    low, down, across, both = bands
    return low, down, across, both


def ldl(sr: Tensor, hr: Tensor) -> Tensor:
    r"""Mean of :math:`m \lvert\mathrm{SR} - \mathrm{HR}\rvert` with a map ``m`` of artefacts.

    Source: Liang, Zeng, Zhang, "Details or Artifacts: A Locally Discriminative Learning Approach to
    Realistic Image Super-Resolution", CVPR 2022, arXiv 2203.09195. With :math:`r` the residual
    summed over channels, :math:`m = \operatorname{var}(r)^{1/5} \operatorname{var}_{7\times7}(r)`.
    The paper also sets ``m`` to 0 where an average of past generators does worse: a loss sees SR
    and HR alone, so that is left out. No gradient goes through ``m``: its root has none at 0.
    """
    difference = sr - hr
    residual = difference.detach().abs().sum(1, keepdim=True)
    share = residual.var((1, 2, 3), keepdim=True) ** (1 / 5)
    return (share * local_variance(residual) * difference.abs()).mean()


def local_variance(images: Tensor, window: int = LDL_WINDOW) -> Tensor:
    """Unbiased variance within ``window`` pixels around each; ``(N, C, H, W)``, reflected."""
    padded = F.pad(images, (window // 2,) * 4, mode="reflect")
    # Around the mean of the whole image, so that little cancels.
    padded = padded - images.mean((2, 3), keepdim=True)
    mean = F.avg_pool2d(padded, window, stride=1)
    spread = F.avg_pool2d(padded.square(), window, stride=1) - mean.square()
    return spread.clamp_min(0) * (window**2 / (window**2 - 1))
