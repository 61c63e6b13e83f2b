"""Images whose bytes are the same on every machine: made in float64, named by their pixels' hash.

float32 sums differ in their last bits between processors and numbers of threads, and of some
hundred thousand values one always lies close enough to the middle of two grey levels to be rounded
the other way. In float64 they lie 1e-13 grey levels apart, which no image has been seen to notice.
"""

from __future__ import annotations

import torch

from srbench.imaging.bicubic import downscale, upscale
from srbench.imaging.pixels import Image
from srbench.imaging.tensors import to_tensor, to_uint8


def lr_image(hr: Image, scale: int) -> Image:
    """The benchmark's LR of a whole HR image, uint8 ``(H / scale, W / scale, 3)``.

    Raises:
        ImageError: sides that are no multiple of ``scale``; see :func:`downscale`.
    """
    return to_uint8(downscale(to_tensor(hr, torch.float64), scale))


def bicubic_image(lr: Image, scale: int) -> Image:
    """What bicubic interpolation makes of LR, uint8 ``(scale h, scale w, 3)``."""
    return to_uint8(upscale(to_tensor(lr, torch.float64), scale))
