"""Colour conversion: ITU-R BT.601 luma, as MATLAB's ``rgb2ycbcr`` computes it."""

from __future__ import annotations

import torch
from torch import Tensor

from srbench.errors import ImageError

# MATLAB's rgb2ycbcr, for inputs in [0,1] and an output in 8-bit steps.
_KR, _KG, _KB, _OFFSET = 65.481, 128.553, 24.966, 16.0


def rgb_to_y(rgb: Tensor) -> Tensor:
    """BT.601 studio-range luma of RGB images: ``(65.481 R + 128.553 G + 24.966 B + 16) / 255``.

    Black is 16/255 and white 235/255; the Y of super-resolution papers, not the full-range luma of
    JPEG or of pyiqa's default YIQ.

    Args:
        rgb: ``(N, 3, H, W)``, float32 or float64, [0,1].

    Returns:
        ``(N, 1, H, W)``, same type, in [16/255, 235/255]. Not rounded.

    Raises:
        ImageError: ``rgb`` does not have four dimensions and three channels, or is not float.
    """
    if rgb.ndim != 4 or rgb.shape[1] != 3 or rgb.dtype not in (torch.float32, torch.float64):
        raise ImageError(
            "expected RGB images as float32 or float64 (N, 3, H, W), "
            f"got {rgb.dtype} {tuple(rgb.shape)}"
        )
    red, green, blue = rgb.unbind(dim=1)
    luma = (red * _KR + green * _KG + blue * _KB + _OFFSET) / 255.0
    return luma.unsqueeze(1)
