"""The learning rate as a function of the iteration, so that a resumed run needs no scheduler."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import torch
from torch import Tensor


def learning_rate(
    iteration: int, *, initial: float, milestones: Sequence[int], gamma: float
) -> float:
    """``initial * gamma ** (number of milestones at or before iteration)``, iteration from 0."""
    return initial * gamma ** bisect.bisect_right(milestones, iteration)


def set_learning_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Use ``value`` from the next step on; a rate that is a tensor stays that tensor."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(value)
        else:
            group["lr"] = value
