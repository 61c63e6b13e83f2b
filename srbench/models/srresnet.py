"""SRResNet, the generator of the SRGAN paper (k9n64s1).

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network", CVPR 2017, figure 4. As in the paper there is no output activation; unlike the paper,
whose HR images span [-1, 1], the output is nominally [0, 1] as everywhere in srbench.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from srbench.models.upsampling import upsampling_factors


class ResidualBlock(nn.Module):
    """``x + BN(conv(PReLU(BN(conv(x)))))``; ``(N, C, H, W)`` to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return torch.add(x, self.body(x))


class SRResNet(nn.Module):
    """``(N, 3, h, w)`` to ``(N, 3, scale*h, scale*w)``.

    Args:
        blocks: residual blocks; 16 in the paper.
        channels: width; 64 in the paper.
        scale: 2, 3, 4 or 8; 4 in the paper.
    """

    def __init__(self, *, blocks: int = 16, channels: int = 64, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.after_blocks = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        )
        self.upsampling = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(channels, factor**2 * channels, 3, padding=1),
                    nn.PixelShuffle(factor),
                    nn.PReLU(),
                )
                for factor in upsampling_factors(scale)
            )
        )
        self.tail = nn.Conv2d(channels, 3, 9, padding=4)

    def forward(self, lr: Tensor) -> Tensor:
        """SR of ``lr``, not clamped."""
        shallow = self.head(lr)
        deep = shallow + self.after_blocks(self.blocks(shallow))
        return cast(Tensor, self.tail(self.upsampling(deep)))
