"""The discriminator of the SRGAN paper, for any patch size.

Ledig et al., CVPR 2017, figure 4: eight 3x3 convolutions of widths c, c, 2c, 2c, 4c, 4c, 8c, 8c
with strides 1 and 2 in turn, LeakyReLU(0.2), BatchNorm after all but the first, a dense layer of
1024 and one of 1. The paper's sigmoid is left to the loss, which takes logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from srbench.errors import UserError
from srbench.models.seeding import seeded

GRID = 6
"""Side of the feature grid before the dense layers: what the paper's 96 px patches come down to."""

MIN_PATCH = 16
NEGATIVE_SLOPE = 0.2


class Discriminator(nn.Module):
    """``(N, 3, H, W)`` to logits ``(N,)``: higher means more likely HR than SR.

    The last features are average-pooled to a 6x6 grid, so one network serves any patch size; at
    the paper's 96 px they are 6x6 already and the pooling is the identity.

    Args:
        channels: width of the first convolution, 64 in the paper. The first dense layer has
            ``16 * channels`` outputs, the paper's 1024 at 64.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.features = nn.Sequential(*_convolutions(channels))
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(8 * channels * GRID * GRID, 16 * channels),
            nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True),
            nn.Linear(16 * channels, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(N,)`` of RGB [0, 1] images."""
        if min(image.shape[-2:]) < MIN_PATCH:
            raise UserError(
                f"expected patches of at least {MIN_PATCH} px, got {tuple(image.shape[-2:])}",
                "raise data.patch_size",
            )
        features = self.features(image)
        if features.shape[-2:] != (GRID, GRID):
            features = F.adaptive_avg_pool2d(features, GRID)
        return cast(Tensor, self.head(features).squeeze(1))


def build_discriminator(channels: int = 64, *, seed: int | None = None) -> Discriminator:
    """The discriminator on the CPU, float32.

    Args:
        channels: width of the first convolution.
        seed: draws the initial weights from a stream of its own and leaves torch's global random
            state untouched; ``None`` uses the global state.

    Raises:
        UserError: a width below 1.
    """
    if channels < 1:
        raise UserError(f"expected channels of 1 or more, got {channels}")
    with seeded(seed, "discriminator"):
        return Discriminator(channels)


def _convolutions(channels: int) -> Iterator[nn.Module]:
    inputs = 3
    for index in range(8):
        outputs = channels * 2 ** (index // 2)
        yield nn.Conv2d(inputs, outputs, 3, stride=1 + index % 2, padding=1)
        if index > 0:
            yield nn.BatchNorm2d(outputs)
        yield nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True)
        inputs = outputs
