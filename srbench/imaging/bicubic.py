"""Bicubic resampling equal to MATLAB's ``imresize(image, scale, 'bicubic')``, on any device.

``torch.nn.functional.interpolate`` with ``antialias=True`` has MATLAB's kernel (Keys, 1981,
a = -0.5, widened by the scale when shrinking), but at the image edge it drops the taps outside and
renormalises the rest, where MATLAB reflects the image with its border pixel repeated. So images
are padded that way first, and what the padding made is cut off again.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from srbench.errors import ImageError
from srbench.imaging.tensors import quantize

MARGIN_LR = 4
"""LR pixels around a patch that make its LR independent of what was cut away (2 would do)."""

_REACH = 2
"""The kernel reaches two pixels of the coarser grid to each side."""


def downscale(image: Tensor, scale: int) -> Tensor:
    """Images shrunk by an integer factor with antialiasing, as MATLAB does it. Not rounded.

    Args:
        image: ``(N, C, H, W)``, float32 or float64; H and W multiples of ``scale``.
        scale: 1 or more; 1 returns the image.

    Returns:
        ``(N, C, H / scale, W / scale)``, same type and device; overshoots [0,1] at edges.

    Raises:
        ImageError: another shape or type, or sides that are no multiple of ``scale``.
    """
    _check(image, scale)
    _check_multiple(image, scale)
    if scale == 1:
        return image
    padded = _pad_symmetric(image, _REACH * scale)
    return _crop(_shrink(padded, scale), _REACH)


def upscale(image: Tensor, scale: int) -> Tensor:
    """Images enlarged by an integer factor, as MATLAB does it. Not rounded.

    Args:
        image: ``(N, C, H, W)``, float32 or float64.
        scale: 1 or more; 1 returns the image.

    Returns:
        ``(N, C, scale H, scale W)``, same type and device; overshoots [0,1] at edges.

    Raises:
        ImageError: another shape or type.
    """
    _check(image, scale)
    if scale == 1:
        return image
    margin = _REACH + 1
    padded = _pad_symmetric(image, margin)
    height, width = padded.shape[-2:]
    # antialias=True also when enlarging: without it torch uses a = -0.75 instead of -0.5.
    large = F.interpolate(
        padded, size=(height * scale, width * scale), mode="bicubic", antialias=True
    )
    return _crop(large, margin * scale)


def degrade(hr: Tensor, scale: int) -> Tensor:
    """The benchmark's LR of whole HR images: :func:`downscale`, then an 8-bit file's rounding.

    Args:
        hr: ``(N, 3, H, W)``, [0,1]; H and W multiples of ``scale``.
        scale: 1 or more.

    Returns:
        ``(N, 3, H / scale, W / scale)``, each value k/255.

    Raises:
        ImageError: as for :func:`downscale`.
    """
    return quantize(downscale(hr, scale))


def degrade_patches(hr: Tensor, scale: int, margin_lr: int = MARGIN_LR) -> tuple[Tensor, Tensor]:
    """LR and HR of patches that were cut with a margin, which both lose here.

    The LR is identical to the same crop of the whole image's :func:`degrade`, provided the patch
    starts at a multiple of ``scale`` and its margin continues the image (reflected at its edge).

    Args:
        hr: ``(N, 3, H + 2 m, W + 2 m)``, [0,1], with ``m = margin_lr * scale``.
        scale: 1 or more.
        margin_lr: 2 or more LR pixels.

    Returns:
        ``lr`` ``(N, 3, H / scale, W / scale)``, each value k/255, and ``hr`` ``(N, 3, H, W)``.

    Raises:
        ImageError: another shape or type, sides that are no multiple of ``scale``, or a margin that
            the kernel reaches across.
    """
    _check(hr, scale)
    _check_multiple(hr, scale)
    margin = margin_lr * scale
    if margin_lr < _REACH or min(hr.shape[-2:]) <= 2 * margin:
        raise ImageError(
            f"expected patches with a margin of at least {_REACH} LR px inside "
            f"{tuple(hr.shape[-2:])} px, got {margin_lr} LR px at scale {scale}"
        )
    shrunk = hr if scale == 1 else _shrink(hr, scale)
    return quantize(_crop(shrunk, margin_lr)), _crop(hr, margin)


def _shrink(image: Tensor, scale: int) -> Tensor:
    """Antialiased bicubic without padding: the two outermost pixels are not MATLAB's."""
    height, width = image.shape[-2:]
    return F.interpolate(
        image, size=(height // scale, width // scale), mode="bicubic", antialias=True
    )


def _pad_symmetric(image: Tensor, margin: int) -> Tensor:
    """``margin`` pixels on each side, reflected with the border pixel repeated: ``c b a|a b c``."""
    for dim in (-2, -1):
        image = image.index_select(dim, _reflected(image.shape[dim], margin, image.device))
    return image


def _reflected(size: int, margin: int, device: torch.device) -> Tensor:
    """Indices ``-margin .. size + margin - 1`` folded into the image, however small it is."""
    index = torch.arange(-margin, size + margin, device=device) % (2 * size)
    return torch.minimum(index, 2 * size - 1 - index)


def _crop(image: Tensor, border: int) -> Tensor:
    height, width = image.shape[-2:]
    return image[..., border : height - border, border : width - border].contiguous()


def _check(image: Tensor, scale: int) -> None:
    if scale < 1:
        raise ImageError(f"expected an integer scale of at least 1, got {scale}")
    if image.ndim != 4 or image.dtype not in (torch.float32, torch.float64) or not image.numel():
        raise ImageError(
            f"expected images as float32 or float64 (N, C, H, W), "
            f"got {image.dtype} {tuple(image.shape)}"
        )


def _check_multiple(image: Tensor, scale: int) -> None:
    height, width = image.shape[-2:]
    if height % scale or width % scale:
        raise ImageError(
            f"expected sides that are multiples of the scale {scale}, got {height} x {width}",
            "crop the image first: srbench.imaging.crop_to_multiple",
        )
