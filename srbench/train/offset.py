"""Networks look at SR from another place each iteration, so that none learns the scale's lattice.

Patches start at multiples of the scale, and networks pool and stride by 2: a loss network and a
discriminator then always lie in one phase on the generator's sub-pixels. Whatever they do more to
one phase than to another adds up over the iterations, and SR gets a grid of the scale's period
(docs/regime.md has the measurement). Comparing SR and HR on a crop that starts at a random pixel
leaves no phase to add up in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Corner = Sequence[int | Tensor]
"""First row and column of a crop; nothing: the whole image."""


def corner_of(iteration: int, limit: int) -> tuple[int, ...]:
    """Uniform in [0, limit), the same for all images of the iteration and for all runs."""
    if not limit:
        return ()
    # Philox's raw output is the same on every machine and in every numpy.
    draws = np.random.Philox(key=iteration).random_raw(2).tolist()
    return tuple(int(draw % limit) for draw in draws)


def cut(images: Tensor, corner: Corner, limit: int) -> Tensor:
    """``images (N, C, H, W)`` cut to ``(H - limit, W - limit)`` from ``corner`` on."""
    for dimension, first in zip((-2, -1), corner, strict=False):
        size = images.shape[dimension] - limit
        if isinstance(first, Tensor):  # its value is not to be read
            places = first + torch.arange(size, device=images.device)
            images = images.index_select(dimension, places)
        else:
            images = images.narrow(dimension, first, size)
    return images
