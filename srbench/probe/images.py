"""The images of the probe: photographs, textures, and changes of them. All fixed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from srbench.data.photos import photo_files
from srbench.imaging import degrade, read_image, to_tensor, to_uint8, upscale

SCALE = 4
SHIFT = 0.5
BLUR_SIGMA = 0.8
JPEG_QUALITY = 30

_PHOTOGRAPHS = {"astronaut.png": (100, 180), "chelsea.png": (60, 120), "coffee.png": (160, 240)}
_TEXTURES = ("brick.png", "grass.png", "gravel.png")


@lru_cache(maxsize=4)
def photographs(size: int) -> Tensor:
    """Crops of three photographs in colour, ``(3, 3, size, size)`` in [0, 1]."""
    paths = {path.name: path for path in photo_files("photos-test")}
    return torch.cat(
        [_crop(paths[name], top, left, size) for name, (top, left) in _PHOTOGRAPHS.items()]
    )


@lru_cache(maxsize=4)
def textures(size: int) -> tuple[Tensor, Tensor]:
    """Two samples of each of three textures: ``(3, 3, size, size)`` twice, no pixel in common."""
    paths = {path.name: path for path in photo_files("photos")}
    one = torch.cat([_crop(paths[name], 20, 20, size) for name in _TEXTURES])
    other = torch.cat([_crop(paths[name], 270, 270, size) for name in _TEXTURES])
    return one, other


def _crop(path: Path, top: int, left: int, size: int) -> Tensor:
    pixels = read_image(path)
    return to_tensor(np.ascontiguousarray(pixels[top : top + size, left : left + size]))


def bicubic(hr: Tensor) -> Tensor:
    """Shrunk by 4 and enlarged again: what a generator starts from."""
    return upscale(degrade(hr, SCALE), SCALE).clamp(0, 1)


def noise(hr: Tensor) -> Tensor:
    """White Gaussian noise with a root mean square of exactly 1, of the shape of ``hr``."""
    values = torch.randn(hr.shape, generator=torch.Generator().manual_seed(7))
    return values / values.square().mean().sqrt()


def shift(hr: Tensor) -> Tensor:
    """Moved by half a pixel to the right and down, by linear interpolation."""
    padded = F.pad(hr, (1, 0, 1, 0), mode="replicate")
    across = (1 - SHIFT) * padded[..., 1:] + SHIFT * padded[..., :-1]
    return (1 - SHIFT) * across[..., 1:, :] + SHIFT * across[..., :-1, :]


def blur(hr: Tensor) -> Tensor:
    """Gaussian blur of 0.8 pixels."""
    steps = torch.arange(-3, 4, dtype=hr.dtype)
    kernel = torch.exp(-0.5 * (steps / BLUR_SIGMA) ** 2)
    kernel = (kernel / kernel.sum()).repeat(3, 1)
    rows = F.conv2d(F.pad(hr, (3, 3, 3, 3), mode="replicate"), kernel.view(3, 1, 7, 1), groups=3)
    return F.conv2d(rows, kernel.view(3, 1, 1, 7), groups=3)


def jpeg(hr: Tensor) -> Tensor:
    """JPEG of quality 30."""
    images = []
    for image in hr:
        file = io.BytesIO()
        Image.fromarray(to_uint8(image)).save(file, "JPEG", quality=JPEG_QUALITY)
        images.append(to_tensor(np.asarray(Image.open(file))))
    return torch.cat(images)


CHANGES: Mapping[str, Callable[[Tensor], Tensor]] = {"shift": shift, "blur": blur, "jpeg": jpeg}
"""Changes of photographs by name; ``texture`` is made of two crops instead."""
