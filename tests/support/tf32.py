"""Convolutions as GPUs with TF32 compute them, on the CPU.

Where torch allows TF32, as it does by default, inputs and weights of a float32 convolution lose 13
of their 23 bits of mantissa. ``with_tf32`` on ``PYTHONPATH`` does it in a process from its start.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_plain = nn.Conv2d._conv_forward


class _Rounded(torch.autograd.Function):
    """To 10 bits of mantissa, ties to even; gradients pass."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        bits = values.detach().view(torch.int32)
        return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def rounded(values: Tensor) -> Tensor:
    """``values`` as a matrix unit reads them: only float32 is shortened."""
    return _Rounded.apply(values) if values.dtype == torch.float32 else values  # type: ignore[no-any-return, no-untyped-call]


def conv_forward(self: nn.Conv2d, image: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Instead of ``nn.Conv2d._conv_forward``."""
    if torch.backends.cudnn.allow_tf32:
        image, weight = rounded(image), rounded(weight)
    return _plain(self, image, weight, bias)


def emulate() -> None:
    """From now on in this process."""
    nn.Conv2d._conv_forward = conv_forward  # type: ignore[method-assign]
