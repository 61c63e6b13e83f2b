"""The images that checks look at: crops of photographs, and four ways to spoil them.

The photographs are those that ship inside scikit-image, so nothing is downloaded; crops, order and
noise are fixed, so that a check says the same on every machine.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from srbench.errors import DataError
from srbench.imaging import degrade, read_image, to_tensor, to_uint8, upscale

PHOTOGRAPHS = (
    ("astronaut.png", 0.2, 0.4),
    ("chelsea.png", 0.3, 0.3),
    ("coffee.png", 0.5, 0.4),
    ("motorcycle_left.png", 0.5, 0.5),
    ("rocket.jpg", 0.4, 0.5),
)
"""File, and where its crop lies: 0 is the top or left end, 1 the bottom or right one."""

NOISE_SIGMA = 0.1
BLUR_SIGMA = 1.5
JPEG_QUALITY = 10
SCALE = 4


@lru_cache(maxsize=8)
def photograph(index: int, height: int, width: int | None = None) -> Tensor:
    """A crop ``(1, 3, height, width)`` of photograph ``index``, RGB in [0, 1]; do not change it.

    Sides beyond the photograph's are filled by reflection.

    Raises:
        DataError: scikit-image, which srbench depends on, lacks its photographs.
    """
    width = height if width is None else width
    name, down, right = PHOTOGRAPHS[index % len(PHOTOGRAPHS)]
    pixels = read_image(_folder() / name)
    rows, columns = pixels.shape[:2]
    missing = max(0, height - rows), max(0, width - columns)
    if any(missing):
        pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
    top = round(down * (pixels.shape[0] - height))
    left = round(right * (pixels.shape[1] - width))
    return to_tensor(pixels[top : top + height, left : left + width])


def _folder() -> Path:
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "expected scikit-image, whose photographs the checks look at, got no such package",
            "pip install scikit-image",
        )
    return Path(spec.submodule_search_locations[0], "data")


def bicubic(hr: Tensor) -> Tensor:
    """Shrunk and enlarged again by 4: what a generator starts from. Any size."""
    height, width = hr.shape[-2:]
    below = -height % SCALE, -width % SCALE
    padded = F.pad(hr, (0, below[1], 0, below[0]), mode="replicate")
    return upscale(degrade(padded, SCALE), SCALE)[..., :height, :width].clamp(0, 1).contiguous()


def noise(hr: Tensor) -> Tensor:
    """White Gaussian noise of standard deviation 0.1, always the same."""
    generator = torch.Generator().manual_seed(20)
    return (hr + NOISE_SIGMA * torch.randn(hr.shape, generator=generator)).clamp(0, 1)


def blur(hr: Tensor) -> Tensor:
    """Gaussian blur of 1.5 pixels."""
    steps = torch.arange(-4, 5, dtype=hr.dtype)
    kernel = torch.exp(-0.5 * (steps / BLUR_SIGMA) ** 2)
    kernel = (kernel / kernel.sum()).repeat(3, 1)
    padded = F.pad(hr, (4, 4, 4, 4), mode="replicate")
    rows = F.conv2d(padded, kernel.view(3, 1, 9, 1), groups=3)
    return F.conv2d(rows, kernel.view(3, 1, 1, 9), groups=3)


def jpeg(hr: Tensor) -> Tensor:
    """JPEG of quality 10."""
    images = []
    for image in hr:
        file = io.BytesIO()
        Image.fromarray(to_uint8(image)).save(file, "JPEG", quality=JPEG_QUALITY)
        images.append(to_tensor(np.asarray(Image.open(file))))
    return torch.cat(images)


DEGRADATIONS: tuple[Callable[[Tensor], Tensor], ...] = (bicubic, noise, blur, jpeg)
"""What images are spoilt with in the check ``falls-towards-truth``."""


def pair(height: int, width: int | None = None, *, start: int = 0) -> tuple[Tensor, Tensor]:
    """``(sr, hr)`` of one photograph, SR being its bicubic enlargement; fresh tensors."""
    hr = photograph(start, height, width)
    return bicubic(hr), hr.clone()


def pairs(size: int) -> tuple[Tensor, Tensor]:
    """``(sr, hr)`` of two photographs as one batch; fresh tensors."""
    singles = [pair(size, start=index) for index in range(2)]
    return torch.cat([sr for sr, _ in singles]), torch.cat([hr for _, hr in singles])
