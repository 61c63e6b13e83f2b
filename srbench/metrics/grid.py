"""The grid that upsampling leaves in SR: energy of SR - HR at the frequencies of an s x s tile.

An error that repeats every ``s`` pixels, or every divisor of ``s``, has all its energy at the
frequencies ``(k/s, l/s)`` cycles per pixel. Nothing else that super-resolution gets wrong stands
out there from its neighbourhood, and LPIPS on AlexNet does not see it. The spectrum is Welch's
(IEEE Transactions on Audio and Electroacoustics 15(2), 1967): the mean over overlapping blocks of
one size, so that the score of a given grid does not grow with the image.
"""

from __future__ import annotations

import torch
from torch import Tensor

from srbench.errors import ImageError, UserError
from srbench.metrics.protocol import GRID_BLOCK

ROUNDING = 1.0 / 12.0
"""Power in grey levels squared of rounding to 8 bits; no spectrum is taken to lie below it."""

_SCALES = range(2, 9)
_NEAREST, _FARTHEST = 2, 3  # bins: a Hann window spreads a line over its own bin and the next


def grid_energy(sr: Tensor, hr: Tensor, *, scale: int) -> Tensor:
    """Power at the tile's frequencies over that of their neighbours; 1 is no grid, lower is better.

    ``mean over (k, l) != (0, 0) of (P(k/s, l/s) + c) / (mean of P at 2 and 3 bins from there + c)``
    where ``P`` is the power of ``255 (SR - HR)`` per pixel, summed over R, G and B, averaged over
    Hann-windowed blocks that overlap by half; ``c`` is the power that rounding to 8 bits leaves. SR
    equal to HR, or apart by a constant, scores 1 exactly.

    Args:
        sr: RGB ``(N, 3, H, W)`` in [0, 1].
        hr: the same shape.
        scale: of the super-resolution, 2 to 8: the side of the tile.

    Returns:
        ``(N,)`` float64, above 0.

    Raises:
        UserError: another scale.
        ImageError: a side is shorter than a block.
    """
    if scale not in _SCALES:
        raise UserError(f"expected a scale of 2 to 8 for the grid metric, got {scale}")
    block = GRID_BLOCK - GRID_BLOCK % scale
    if min(sr.shape[-2:]) < block:
        height, width = sr.shape[-2:]
        raise ImageError(
            f"expected an image of at least {block} x {block} px for the grid metric, "
            f"got {height} x {width}"
        )
    difference = (sr.double() - hr.double()) * 255.0
    power = _block_power(difference, block) + ROUNDING * sr.shape[1]
    lines = [
        (k * block // scale, m * block // scale)
        for k in range(scale)
        for m in range(scale)
        if (k, m) != (0, 0)
    ]
    ratios = [power[:, u, v] / _neighbours(power, u, v) for u, v in lines]
    return torch.stack(ratios).mean(dim=0)


def _block_power(image: Tensor, block: int) -> Tensor:
    """Power per pixel summed over channels, mean over the blocks: ``(N, block, block)``.

    White noise of variance v in each of three channels has the power 3 v in every bin.
    """
    window = torch.hann_window(block, periodic=True, dtype=image.dtype, device=image.device)
    window = window[:, None] * window
    window = window / window.square().sum().sqrt()
    # One row of blocks at a time bounds the memory.
    rows = [image[..., top : top + block, :] for top in _starts(image.shape[-2], block)]
    lefts = _starts(image.shape[-1], block)
    total = image.new_zeros(image.shape[0], block, block)
    for row in rows:
        blocks = torch.stack([row[..., left : left + block] for left in lefts])
        # Without the blocks' means: else the last bits of a large constant would be a spectrum.
        blocks = blocks - blocks.mean(dim=(-2, -1), keepdim=True)
        total += torch.fft.fft2(blocks * window).abs().square().sum(dim=(0, 2))
    return total / (len(rows) * len(lefts))


def _starts(size: int, block: int) -> list[int]:
    """First pixels of blocks that overlap by half and reach both ends."""
    last = size - block
    return [*range(0, last, block // 2), last]


def _neighbours(power: Tensor, u: int, v: int) -> Tensor:
    around = range(-_FARTHEST, _FARTHEST + 1)
    side = power.shape[-1]
    bins = [
        power[:, (u + i) % side, (v + j) % side]
        for i in around
        for j in around
        if max(abs(i), abs(j)) >= _NEAREST
    ]
    return torch.stack(bins).mean(dim=0)


class Grid:
    """The grid metric: ``(sr, hr) -> (N,)``, lower is better, 1 is no grid."""

    thread_safe = True

    def __init__(self, *, scale: int) -> None:
        self._scale = scale

    def __call__(self, sr: Tensor, hr: Tensor | None) -> Tensor:
        """``sr``, ``hr``: RGB float32 [0, 1] ``(N, 3, H, W)``."""
        assert hr is not None
        return grid_energy(sr, hr, scale=self._scale)
