"""PSNR and SSIM in float64, independent of device, thread count and BLAS.

Written here rather than called from pyiqa, whose SSIM spends most of its time in a float64 11 x 11
convolution; the Gaussian window is separable, so 11 + 11 shifted additions give the same numbers
(the tests hold both to pyiqa within 1e-5 and to scikit-image).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from srbench.errors import ImageError
from srbench.imaging import rgb_to_y
from srbench.metrics.protocol import Protocol

PSNR_EPSILON = 1e-8
"""Added to the mean squared error, as pyiqa does: identical images score exactly 80 dB."""

SSIM_WINDOW = 11
"""Side of SSIM's Gaussian window, standard deviation 1.5."""

_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def psnr(sr: Tensor, hr: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, ``10 log10(1 / (MSE + 1e-8))`` in dB; higher is better.

    Args:
        sr: ``(N, C, H, W)`` in [0, 1].
        hr: the same shape.

    Returns:
        ``(N,)`` float64, at most 80.
    """
    error = (sr.double() - hr.double()).square().mean(dim=(1, 2, 3))
    return -10.0 * torch.log10(error + PSNR_EPSILON)


def ssim(sr: Tensor, hr: Tensor, *, clamp_contrast: bool) -> Tensor:
    """Structural similarity of 8-bit images, mean over pixels and channels; higher is better.

    ``(2 m_x m_y + C1) / (m_x^2 + m_y^2 + C1)`` times ``(2 s_xy + C2) / (s_x^2 + s_y^2 + C2)`` with
    ``C1 = (0.01 x 255)^2``, ``C2 = (0.03 x 255)^2`` and Gaussian-weighted moments, at the pixels
    where the 11 x 11 window lies inside the image.

    Source: Wang, Bovik, Sheikh and Simoncelli, IEEE Transactions on Image Processing 13(4), 2004.

    Args:
        sr: ``(N, C, H, W)``, values 0 to 255, sides of at least 11.
        hr: the same shape.
        clamp_contrast: hold the second factor at 0 from below, as pyiqa does.

    Returns:
        ``(N,)`` float64 in [-1, 1].
    """
    c1, c2 = (_K1 * 255.0) ** 2, (_K2 * 255.0) ** 2
    x, y = sr.double(), hr.double()
    mean_x, mean_y, square_x, square_y, product = _blur(
        torch.stack((x, y, x * x, y * y, x * y))
    ).unbind(0)
    variance_x = square_x - mean_x.square()
    variance_y = square_y - mean_y.square()
    covariance = product - mean_x * mean_y
    contrast = (2.0 * covariance + c2) / (variance_x + variance_y + c2)
    if clamp_contrast:
        contrast = contrast.clamp_min(0.0)
    luminance = (2.0 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    return (luminance * contrast).mean(dim=(1, 2, 3))


def _blur(maps: Tensor) -> Tensor:
    """Gaussian-weighted means over the last two dimensions, where the window fits."""
    half = SSIM_WINDOW // 2
    weights = [math.exp(-((k - half) ** 2) / (2.0 * _SIGMA**2)) for k in range(SSIM_WINDOW)]
    total = math.fsum(weights)
    for dim in (-1, -2):
        size = maps.shape[dim] - SSIM_WINDOW + 1
        blurred = maps.narrow(dim, 0, size) * (weights[0] / total)
        for k in range(1, SSIM_WINDOW):
            blurred.add_(maps.narrow(dim, k, size), alpha=weights[k] / total)
        maps = blurred
    return maps


class Psnr:
    """PSNR under a protocol: ``(sr, hr) -> (N,)`` in dB, higher is better.

    Args:
        protocol: fixes the colour.
        border: pixels removed on each side.
    """

    thread_safe = True

    def __init__(self, protocol: Protocol, *, border: int) -> None:
        self._protocol = protocol
        self._border = border

    def __call__(self, sr: Tensor, hr: Tensor | None) -> Tensor:
        """``sr``, ``hr``: RGB float32 [0, 1] ``(N, 3, H, W)``."""
        assert hr is not None
        sr, hr = _prepare(sr, hr, self._protocol, border=self._border, least=1)
        return psnr(sr, hr)


class Ssim:
    """SSIM under a protocol: ``(sr, hr) -> (N,)``, higher is better. Colours are rounded to 8 bits.

    Args:
        protocol: fixes the colour and whether the contrast term is clamped.
        border: pixels removed on each side.
    """

    thread_safe = True

    def __init__(self, protocol: Protocol, *, border: int) -> None:
        self._protocol = protocol
        self._border = border

    def __call__(self, sr: Tensor, hr: Tensor | None) -> Tensor:
        """``sr``, ``hr``: RGB float32 [0, 1] ``(N, 3, H, W)``."""
        assert hr is not None
        sr, hr = _prepare(sr, hr, self._protocol, border=self._border, least=SSIM_WINDOW)
        return ssim(
            sr.mul(255.0).round(),
            hr.mul(255.0).round(),
            clamp_contrast=self._protocol.clamp_contrast,
        )


def _prepare(
    sr: Tensor, hr: Tensor, protocol: Protocol, *, border: int, least: int
) -> tuple[Tensor, Tensor]:
    """Both images in the protocol's colour, float64, without the border."""
    height, width = sr.shape[-2:]
    need = least + 2 * border
    if min(height, width) < need:
        raise ImageError(
            f"expected an image of at least {need} x {need} px "
            f"({least} px inside a border of {border}), got {height} x {width}"
        )
    inside = (..., slice(border, height - border), slice(border, width - border))
    return _color(sr[inside], protocol), _color(hr[inside], protocol)


def _color(image: Tensor, protocol: Protocol) -> Tensor:
    image = image.double()
    return rgb_to_y(image) if protocol.color == "y" else image
