"""What a loss costs: floating-point operations of its forward and backward pass."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def loss_gflops(loss: nn.Module, patch_size: int, batch_size: int, device: str) -> float:
    """GFLOPs of the loss's forward and backward pass for one training step.

    Measured on one random patch and multiplied by the batch size: convolutions and products, as
    :class:`torch.utils.flop_counter.FlopCounterMode` counts them (one multiply-add is two).
    """
    generator = torch.Generator().manual_seed(0)
    shape = (1, 3, patch_size, patch_size)
    sr = torch.rand(shape, generator=generator).to(device).requires_grad_()
    hr = torch.rand(shape, generator=generator).to(device)
    with FlopCounterMode(display=False) as counter:
        loss(sr, hr).backward()
    return float(counter.get_total_flops()) * batch_size / 1e9
