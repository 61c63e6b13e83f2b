"""MSRResNet: SRResNet without BatchNorm on top of a bilinear base, ESRGAN's baseline.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018; the
layer order and the leaky ReLU slope of 0.1 are those of BasicSR's ``MSRResNet``
(``basicsr/archs/srresnet_arch.py``).

The initialisation is not: BasicSR scales all convolutions by 0.1, and the product of so many small
factors keeps the output on the bilinear base for hundreds of iterations (8x32, L1, 1e-3: at 1.00 of
the base's error after 150). Here only the last convolution of each branch is scaled, that of every
residual block and that of the network: the output starts near the base all the same, and is at 0.90
of its error after 100. Nothing of this matters at 1e6 iterations; it does at a few hundred.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.upsampling import upsampling_factors

INIT_SCALE = 0.1
"""Of the last convolution of each residual branch and of the network."""

NEGATIVE_SLOPE = 0.1


class ResidualBlockNoBN(nn.Module):
    """``x + conv(ReLU(conv(x)))``; ``(N, C, H, W)`` to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return x + cast(Tensor, self.conv2(F.relu(self.conv1(x), inplace=True)))


class MSRResNet(nn.Module):
    """``(N, 3, h, w)`` to ``(N, 3, scale*h, scale*w)``; untrained it is close to bilinear.

    Args:
        blocks: residual blocks; 16 in ESRGAN's baseline.
        channels: width; 64 in ESRGAN's baseline.
        scale: 2, 3, 4 or 8.
        upsampling: ``nearest`` gives all pixels of an SR block the same convolution kernel (Odena
            et al., "Deconvolution and Checkerboard Artifacts", Distill 2016); with
            ``pixel-shuffle`` each has its own, and adversarial training makes a grid of them
            (docs/regime.md). Both cost the same.
    """

    def __init__(
        self,
        *,
        blocks: int = 16,
        channels: int = 64,
        scale: int = 4,
        upsampling: Literal["pixel-shuffle", "nearest"] = "pixel-shuffle",
    ) -> None:
        super().__init__()
        self.scale = scale
        self.nearest = upsampling == "nearest"
        self.factors = upsampling_factors(scale)
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlockNoBN(channels) for _ in range(blocks)))
        self.upsampling = nn.ModuleList(
            nn.Conv2d(channels, channels * (1 if self.nearest else factor**2), 3, padding=1)
            for factor in self.factors
        )
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)
        self.apply(_he)
        _near_zero(self.conv_last)
        for block in self.body:
            assert isinstance(block, ResidualBlockNoBN)
            _near_zero(block.conv2)

    def forward(self, lr: Tensor) -> Tensor:
        """SR of ``lr``, not clamped."""
        features = self.body(_leaky(self.conv_first(lr)))
        for conv, factor in zip(self.upsampling, self.factors, strict=True):
            if self.nearest:
                features = conv(F.interpolate(features, scale_factor=factor, mode="nearest"))
            else:
                features = F.pixel_shuffle(conv(features), factor)
            features = _leaky(features)
        residual = self.conv_last(_leaky(self.conv_hr(features)))
        base = F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return cast(Tensor, residual + base)


def basicsr_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of :class:`MSRResNet` under the names of BasicSR's class, scales 2, 3 and 4."""
    return {
        re.sub(r"^upsampling\.(\d)\.", lambda m: f"upconv{int(m[1]) + 1}.", name): tensor
        for name, tensor in state.items()
    }


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, NEGATIVE_SLOPE, inplace=True)


def _he(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


def _near_zero(last: nn.Conv2d) -> None:
    with torch.no_grad():
        last.weight.mul_(INIT_SCALE)
