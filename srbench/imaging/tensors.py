"""Between uint8 ``(H, W, 3)`` arrays, as files hold them, and the float tensors of networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from srbench.errors import ImageError
from srbench.imaging.pixels import Image, check_image

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_TIE = 2.0**20
"""Steps of a grey level, to which float64 values are rounded first: see :func:`to_uint8`."""


def to_tensor(image: Image, dtype: torch.dtype | None = None) -> Tensor:
    """A uint8 image ``(H, W, 3)`` as ``(1, 3, H, W)`` in [0,1], contiguous, on the CPU.

    Args:
        image: RGB.
        dtype: float32, or float64 for images whose bytes must be the same everywhere.

    Raises:
        ImageError: another type or shape.
    """
    import torch

    check_image(image)
    # A copy: memory-mapped arrays are read-only, which torch.from_numpy warns about.
    pixels = torch.from_numpy(np.array(image.transpose(2, 0, 1), order="C", copy=True))
    return pixels.unsqueeze(0).to(dtype or torch.float32).div_(255.0)


def to_uint8(image: Tensor) -> Image:
    """One float image ``(3, H, W)`` or ``(1, 3, H, W)`` as uint8 ``(H, W, 3)``: clamped, rounded.

    float64 values are first rounded to a millionth of a grey level. Resampling has rational weights
    and so gives values that are half way between two levels in truth; their last bits, which differ
    between processors, would decide. After the first rounding they are ties everywhere, which go to
    the even level.

    Raises:
        ImageError: another shape, or values that are not finite (they would turn into noise).
    """
    import torch

    if image.ndim == 4 and image.shape[0] == 1:
        image = image[0]
    if image.ndim != 3 or image.shape[0] != 3 or not image.is_floating_point():
        raise ImageError(
            "expected one float image (3, H, W) or (1, 3, H, W), "
            f"got {image.dtype} {tuple(image.shape)}"
        )
    exact = image.dtype == torch.float64
    values = image.detach().to("cpu", torch.float64 if exact else torch.float32)
    if not bool(torch.isfinite(values).all()):
        raise ImageError("expected an image of finite values, got NaN or infinity")
    levels = values.clamp(0.0, 1.0).mul_(255.0)
    if exact:
        levels.mul_(_TIE).round_().div_(_TIE)
    pixels: Image = levels.round_().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return pixels


def quantize(image: Tensor) -> Tensor:
    """Images clamped to [0,1] and rounded to the nearest k/255: what an 8-bit file would hold.

    Any float shape; stays float and on its device. ``to_tensor(to_uint8(x)) == quantize(x)``.
    """
    return image.clamp(0.0, 1.0).mul(255.0).round().div(255.0)


def crop_to_multiple(hr: Image, scale: int) -> Image:
    """The top left part of ``hr`` ``(H, W, 3)`` whose sides are multiples of ``scale``.

    The field's rule for test images (``modcrop``): rows go at the bottom, columns at the right, and
    only then is LR made. A view, not a copy.

    Raises:
        ImageError: a side is shorter than ``scale``.
    """
    height, width = hr.shape[:2]
    if scale < 1 or min(height, width) < scale:
        raise ImageError(
            f"expected an image of at least {scale} x {scale} px for scale {scale}, "
            f"got {height} x {width}"
        )
    return hr[: height - height % scale, : width - width % scale]
