"""RRDBNet, the generator of ESRGAN: residual-in-residual dense blocks without BatchNorm.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018,
arXiv 1809.00219, section 3.1. Names, leaky ReLU slope of 0.2, residual scaling of 0.2 and
initialisation (dense blocks at 0.1 of He's) are those of BasicSR's ``RRDBNet``, so that programs
which read its files, such as spandrel, read these too at scale 4. At scale 2 there is one doubling,
as in ESRGAN's own code; BasicSR folds the input there instead.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.upsampling import upsampling_factors

RESIDUAL_SCALE = 0.2
INIT_SCALE = 0.1
NEGATIVE_SLOPE = 0.2


class ResidualDenseBlock(nn.Module):
    """Five convolutions, each on all features before it; ``(N, C, H, W)`` to the same shape."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(channels + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(channels + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(channels + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(channels + 4 * growth, channels, 3, padding=1)
        self.apply(_scaled_he)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        features = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = torch.cat((features, _leaky(conv(features))), 1)
        return x + RESIDUAL_SCALE * cast(Tensor, self.conv5(features))


class RRDB(nn.Module):
    """Three dense blocks inside a residual connection; ``(N, C, H, W)`` to the same shape."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(channels, growth)
        self.rdb2 = ResidualDenseBlock(channels, growth)
        self.rdb3 = ResidualDenseBlock(channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return x + RESIDUAL_SCALE * cast(Tensor, self.rdb3(self.rdb2(self.rdb1(x))))


class RRDBNet(nn.Module):
    """``(N, 3, h, w)`` to ``(N, 3, scale*h, scale*w)``.

    Args:
        blocks: RRDBs; 23 in the paper's largest model.
        channels: width; 64 in the paper.
        growth: width of the convolutions inside a dense block; 32 in the paper.
        scale: 2, 3, 4 or 8; 4 in the paper.
    """

    def __init__(
        self, *, blocks: int = 23, channels: int = 64, growth: int = 32, scale: int = 4
    ) -> None:
        super().__init__()
        self.factors = upsampling_factors(scale)
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(RRDB(channels, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(channels, channels, 3, padding=1)
        for stage in range(1, len(self.factors) + 1):
            self.add_module(f"conv_up{stage}", nn.Conv2d(channels, channels, 3, padding=1))
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        """SR of ``lr``, not clamped."""
        shallow = self.conv_first(lr)
        features = shallow + self.conv_body(self.body(shallow))
        for stage, factor in enumerate(self.factors, start=1):
            conv = self.get_submodule(f"conv_up{stage}")
            features = _leaky(conv(F.interpolate(features, scale_factor=factor, mode="nearest")))
        return cast(Tensor, self.conv_last(_leaky(self.conv_hr(features))))


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, NEGATIVE_SLOPE, inplace=True)


def _scaled_he(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
        with torch.no_grad():
            module.weight.mul_(INIT_SCALE)
