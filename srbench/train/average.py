"""The exponential moving average of the generator's weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


@torch.no_grad()
def take_in(average: AveragedModel, generator: nn.Module, decay: float) -> None:
    """Move ``average`` towards ``generator``; the first weights are taken as they are.

    The bits of ``average.update_parameters`` with torch's moving average, which copies its counter
    to the device each time, and so has the host wait.
    """
    weight = 1 - decay if average.n_averaged > 0 else 1.0  # the counter is on the CPU
    torch._foreach_lerp_(list(average.module.parameters()), list(generator.parameters()), weight)
    for kept, new in zip(average.module.buffers(), generator.buffers(), strict=True):
        kept.copy_(new)
    average.n_averaged += 1
