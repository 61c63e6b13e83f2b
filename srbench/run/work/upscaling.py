"""A trained generator on any photograph, in tiles, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from srbench.imaging import to_tensor, to_uint8
from srbench.models.files import TrainedGenerator

Image = npt.NDArray[np.uint8]


@torch.no_grad()
def upscale_image(
    trained: TrainedGenerator,
    image: Image,
    *,
    tile: int = 256,
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Image:
    """SR of one image; equal to a single pass over the whole image, whatever the tile size.

    Tiles overlap by the receptive radius that the generator declares, and only their inner parts
    are kept, so there are no seams. A generator that looks at the whole image is run in one piece.

    Args:
        trained: moved to ``device``.
        image: LR, RGB uint8 ``(H, W, 3)``.
        tile: side of a tile's inner part, LR pixels; bounds the memory.
        device: where to run.
        progress: called with (tiles done, tiles).

    Returns:
        RGB uint8 ``(scale*H, scale*W, 3)``.
    """
    height, width = image.shape[:2]
    network, scale = trained.network.to(device), trained.generator.scale
    radius = trained.generator.receptive_radius
    margin = 0 if radius is None else radius
    result = np.empty((height * scale, width * scale, 3), dtype=np.uint8)
    tiles = list(_tiles(height, width, max(height, width) if radius is None else tile))
    for done, (top, left, bottom, right) in enumerate(tiles, start=1):
        outer_top, outer_left = max(0, top - margin), max(0, left - margin)
        outer = image[outer_top : bottom + margin, outer_left : right + margin]
        sr = to_uint8(network(to_tensor(outer).to(device)).float())
        y, x = (top - outer_top) * scale, (left - outer_left) * scale
        inner = sr[y : y + (bottom - top) * scale, x : x + (right - left) * scale]
        result[top * scale : bottom * scale, left * scale : right * scale] = inner
        progress(done, len(tiles))
    return result


def output_path(image: Path, folder: Path, scale: int) -> Path:
    """``folder/<name>_x4.png``."""
    return folder / f"{image.stem}_x{scale}.png"


def _tiles(height: int, width: int, side: int) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield top, left, min(top + side, height), min(left + side, width)
