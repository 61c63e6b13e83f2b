"""SR images of a generator, in tiles, so that memory stays bounded.

An image that is scored is made by :func:`published`, in float64: see :mod:`srbench.imaging.exact`.
A generator that is left in float32 makes the same picture in less time, but not the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from srbench.devices import float64_device
from srbench.imaging import Image, to_tensor, to_uint8
from srbench.models.convolution import TapConvolutions
from srbench.models.files import TrainedGenerator
from srbench.models.resolve import ResolvedGenerator

TILE = 256
"""Side of a tile's inner part, LR pixels."""

Upscaler = Callable[[Image], Image]
"""LR to SR, both RGB uint8 ``(H, W, 3)``."""


def published(trained: TrainedGenerator, *, device: str = "cpu", tile: int = TILE) -> Upscaler:
    """What makes the published images of a generator; it may be called from several threads.

    Args:
        trained: its network becomes a float64 one.
        device: where to run; the bytes are those of any other device. One without float64 has the
            CPU do it.
        tile: as for :func:`upscale_image`.
    """
    device = float64_device(device)
    trained.network.to("cpu").double().to(device)
    return lambda lr: upscale_image(trained, lr, device=device, tile=tile)


@torch.inference_mode()
def upscale_image(
    trained: TrainedGenerator,
    image: Image,
    *,
    tile: int = TILE,
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Image:
    """SR of one image; equal to a single pass over the whole image, whatever the tile size.

    Tiles overlap by the receptive radius that the generator declares, and only their inner parts
    are kept, so there are no seams. A generator that looks at the whole image is run in one piece.

    Args:
        trained: its network float32, or float64 for the same bytes everywhere; moved to ``device``.
        image: LR, RGB uint8 ``(H, W, 3)``.
        tile: side of a tile's inner part, LR pixels; bounds the memory.
        device: where to run.
        progress: called with (tiles done, tiles).

    Returns:
        RGB uint8 ``(scale*H, scale*W, 3)``.

    Raises:
        ImageError: the generator gives values that are not finite.
    """
    network = trained.network.to(device)
    lr = to_tensor(image, next(network.parameters()).dtype)
    return upscale_tensor(
        network, lr, trained.generator, tile=tile, device=device, progress=progress
    )


@torch.no_grad()
def upscale_tensor(
    network: nn.Module,
    lr: Tensor,
    generator: ResolvedGenerator,
    *,
    tile: int | None,
    device: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Image:
    """As :func:`upscale_image`, of LR ``(1, 3, H, W)`` in [0, 1] as the network's type.

    Args:
        network: on ``device``, in eval mode.
        tile: ``None``: the whole image in one piece.
    """
    height, width = lr.shape[-2:]
    scale, radius = generator.scale, generator.receptive_radius
    margin = radius or 0
    whole = max(height, width)
    result = np.empty((height * scale, width * scale, 3), dtype=np.uint8)
    tiles = list(_tiles(height, width, whole if radius is None else tile or whole))
    for done, (top, left, bottom, right) in enumerate(tiles, start=1):
        outer_top, outer_left = max(0, top - margin), max(0, left - margin)
        outer = lr[..., outer_top : bottom + margin, outer_left : right + margin]
        with TapConvolutions():
            sr = network(outer.contiguous().to(device))
        assert sr.dtype == lr.dtype, f"expected SR as {lr.dtype}, got {sr.dtype}"
        y, x = (top - outer_top) * scale, (left - outer_left) * scale
        inner = sr[0, :, y : y + (bottom - top) * scale, x : x + (right - left) * scale]
        result[top * scale : bottom * scale, left * scale : right * scale] = to_uint8(inner)
        progress(done, len(tiles))
    return result


def _tiles(height: int, width: int, side: int) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield top, left, min(top + side, height), min(left + side, width)
