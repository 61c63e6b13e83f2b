"""SPAN, the swift parameter-free attention network: small and fast.

Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", CVPRW 2024,
arXiv 2311.12770. The attention map of a block is an odd function of its own features and has no
parameters. Names, slopes and the input's range are those of the authors' release
(``github.com/hongyuanyu/SPAN``), so that programs which read its files read these too.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RGB_MEAN = (0.4488, 0.4371, 0.4040)
IMAGE_RANGE = 255.0
EXPANSION = 2
"""Width of the three training convolutions over that of the one that they collapse into."""


class _Collapsed(nn.Module):
    """The release's ``eval_conv``: a place in the file for the collapsed convolution."""

    weight: Tensor
    bias: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(outputs, inputs, 3, 3))
        self.register_buffer("bias", torch.zeros(outputs))


class CollapsibleConv(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a 1x1 skip, equal to one 3x3 convolution.

    Trained as the sum of both branches, evaluated as the one convolution; in either mode gradients
    reach the weights of the branches.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(inputs, outputs, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, EXPANSION * inputs, 1),
            nn.Conv2d(EXPANSION * inputs, EXPANSION * outputs, 3),
            nn.Conv2d(EXPANSION * outputs, outputs, 1),
        )
        self.eval_conv = _Collapsed(inputs, outputs)
        self.register_state_dict_pre_hook(_refresh)  # type: ignore[no-untyped-call]

    def collapsed(self) -> tuple[Tensor, Tensor]:
        """Weight ``(outputs, inputs, 3, 3)`` and bias ``(outputs,)`` of the one convolution."""
        first, middle, last = (cast(nn.Conv2d, conv) for conv in self.conv)
        before, after = first.weight[:, :, 0, 0], last.weight[:, :, 0, 0]
        weight = torch.einsum("om,mnhw,ni->oihw", after, middle.weight, before)
        weight = weight + F.pad(self.sk.weight, (1, 1, 1, 1))
        bias = [cast(Tensor, conv.bias) for conv in (first, middle, last, self.sk)]
        inner = middle.weight.sum((2, 3)) @ bias[0] + bias[1]
        return weight, after @ inner + bias[2] + bias[3]

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs, H, W)`` to ``(N, outputs, H, W)``."""
        if self.training:
            return cast(Tensor, self.conv(F.pad(x, (1, 1, 1, 1))) + self.sk(x))
        weight, bias = self.collapsed()
        return F.conv2d(x, weight, bias, padding=1)


class AttentionBlock(nn.Module):
    """Three convolutions, and the features weighted by an odd function of themselves."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.c1_r = CollapsibleConv(channels, channels)
        self.c2_r = CollapsibleConv(channels, channels)
        self.c3_r = CollapsibleConv(channels, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features like ``x (N, C, H, W)``, and those after the first convolution."""
        first = F.silu(self.c1_r(x))
        deep = self.c3_r(F.silu(self.c2_r(first)))
        return (deep + x) * (torch.sigmoid(deep) - 0.5), first


class SPAN(nn.Module):
    """``(N, 3, h, w)`` to ``(N, 3, scale*h, scale*w)``.

    Args:
        channels: width; 52 in the paper, 48 in its SPAN-S.
        norm: shift and scale the input by the training set's mean and to 0-255, as the release
            does; many later models leave it out.
        scale: factor of the one pixel shuffle.
    """

    def __init__(self, *, channels: int = 52, norm: bool = True, scale: int = 4) -> None:
        super().__init__()
        self.norm = norm
        if not norm:
            self.register_buffer("no_norm", torch.zeros(1))  # how readers of the file tell
        self.conv_1 = CollapsibleConv(3, channels)
        self.block_1 = AttentionBlock(channels)
        self.block_2 = AttentionBlock(channels)
        self.block_3 = AttentionBlock(channels)
        self.block_4 = AttentionBlock(channels)
        self.block_5 = AttentionBlock(channels)
        self.block_6 = AttentionBlock(channels)
        self.conv_cat = nn.Conv2d(4 * channels, channels, 1)
        self.conv_2 = CollapsibleConv(channels, channels)
        self.upsampler = nn.Sequential(
            nn.Conv2d(channels, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )

    def forward(self, lr: Tensor) -> Tensor:
        """SR of ``lr``, not clamped."""
        if self.norm:
            centred = [lr[:, channel] - mean for channel, mean in enumerate(RGB_MEAN)]
            lr = IMAGE_RANGE * torch.stack(centred, 1)
        shallow = self.conv_1(lr)
        after_first, _ = self.block_1(shallow)
        deep = after_first
        for block in (self.block_2, self.block_3, self.block_4, self.block_5):
            deep, _ = block(deep)
        deep, inside_last = self.block_6(deep)
        parts = (shallow, self.conv_2(deep), after_first, inside_last)
        return cast(Tensor, self.upsampler(self.conv_cat(torch.cat(parts, 1))))


@torch.no_grad()
def _refresh(conv: CollapsibleConv, *_: Any) -> None:
    for kept, now in zip(
        (conv.eval_conv.weight, conv.eval_conv.bias), conv.collapsed(), strict=True
    ):
        kept.copy_(now)
