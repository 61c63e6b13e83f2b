"""The exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class WeightAverage(AveragedModel):
    """torch's own, with its state; but no update of it makes the host wait for the device.

    torch copies its count to the device at each update, where this rule does not look at it.

    Args:
        decay: share of the old average per update; the first update takes the weights as they are.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        rule = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        super().__init__(network, multi_avg_fn=rule)
        self._blend = rule

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take in the weights of ``model``; BatchNorm's statistics are copied."""
        average: list[Tensor] = list(self.module.parameters())
        now: list[Tensor] = list(model.parameters())
        if self.n_averaged == 0:  # which lies on the CPU
            torch._foreach_copy_(average, now)
        else:
            self._blend(average, now, None)
        for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
        self.n_averaged += 1
