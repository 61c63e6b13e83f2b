"""Networks look at SR from another place each iteration, so that none learns the scale's lattice.

Patches start at multiples of the scale, and networks pool and stride by 2: a loss network and a
discriminator then always lie in one phase on the generator's sub-pixels. Whatever they do more to
one phase than to another adds up over the iterations, and SR gets a grid of the scale's period
(docs/regime.md has the measurement). Comparing SR and HR on a crop that starts at a random pixel
leaves no phase to add up in.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor


def shifted(images: Tensor, iteration: int, limit: int) -> Tensor:
    """``images (N, C, H, W)`` cut to ``(H - limit, W - limit)``, where ``iteration`` says.

    The first row and column are uniform in [0, limit), the same for all images of the iteration
    and for all runs; ``limit`` 0 is the whole image, untouched.
    """
    if not limit:
        return images
    # Philox's raw output is the same on every machine and in every numpy.
    draws = np.random.Philox(key=iteration).random_raw(2).tolist()
    top, left = (int(draw % limit) for draw in draws)
    height, width = images.shape[-2:]
    return images[..., top : top + height - limit, left : left + width - limit]
