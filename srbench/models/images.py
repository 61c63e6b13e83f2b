"""SR images of a generator, in tiles, so that memory stays bounded.

An image that is scored is made by :func:`published`, in float64: see :mod:`srbench.imaging.exact`.
A generator that is left in float32 makes the same picture in less time, but not the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from srbench.imaging import Image, to_tensor, to_uint8
from srbench.models.convolution import TapConvolutions

TILE = 256
"""Side of a tile's inner part, LR pixels."""

Upscaler = Callable[[Image], Image]
"""LR to SR, both RGB uint8 ``(H, W, 3)``."""


def published(generator: nn.Module, *, scale: int, device: str = "cpu") -> Upscaler:
    """What makes the published images of a generator; it may be called from several threads.

    Args:
        generator: becomes a float64 one.
        scale: its factor.
        device: where to run; the bytes are those of any other device.
    """
    generator = generator.double().to(device).eval()
    return lambda lr: upscale_image(generator, lr, scale=scale, device=device)


def receptive_radius(generator: nn.Module) -> int:
    """LR pixels around a pixel that can change its SR block, bounded from above.

    The half widths of all convolutions on the path from LR to SR. Those after a pixel shuffle see
    less of LR than is counted here, which leaves room for the one pixel of a bilinear base.
    """
    convolutions = [m for m in generator.modules() if isinstance(m, nn.Conv2d)]
    return sum(int(m.kernel_size[0]) // 2 for m in convolutions)


@torch.inference_mode()
def upscale_image(
    generator: nn.Module,
    image: Image,
    *,
    scale: int,
    tile: int = TILE,
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Image:
    """SR of one image; equal to a single pass over the whole image, whatever the tile size.

    Tiles overlap by the generator's receptive field, and only their inner parts are kept, so there
    are no seams.

    Args:
        generator: in eval mode, on ``device``; float32, or float64 for the same bytes everywhere.
        image: LR, RGB uint8 ``(H, W, 3)``.
        scale: factor of the generator.
        tile: side of a tile's inner part, LR pixels; bounds the memory.
        device: where to run.
        progress: called with (tiles done, tiles).

    Returns:
        RGB uint8 ``(scale*H, scale*W, 3)``.

    Raises:
        ImageError: the generator gives values that are not finite.
    """
    height, width = image.shape[:2]
    dtype = next(generator.parameters()).dtype
    margin = receptive_radius(generator)
    result = np.empty((height * scale, width * scale, 3), dtype=np.uint8)
    tiles = list(_tiles(height, width, tile))
    for done, (top, left, bottom, right) in enumerate(tiles, start=1):
        outer_top, outer_left = max(0, top - margin), max(0, left - margin)
        outer = image[outer_top : bottom + margin, outer_left : right + margin]
        with TapConvolutions():
            sr = generator(to_tensor(outer, dtype).to(device))
        assert sr.dtype == dtype, f"expected SR as {dtype}, got {sr.dtype}"
        y, x = (top - outer_top) * scale, (left - outer_left) * scale
        inner = sr[0, :, y : y + (bottom - top) * scale, x : x + (right - left) * scale]
        result[top * scale : bottom * scale, left * scale : right * scale] = to_uint8(inner)
        progress(done, len(tiles))
    return result


def _tiles(height: int, width: int, side: int) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield top, left, min(top + side, height), min(left + side, width)
