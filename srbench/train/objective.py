"""The parts of the objective, and its pixel term; adversarial ones are a table of their own."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from srbench.errors import ContractError
from srbench.settings.sections import PixelLoss
from srbench.train.scaling import Scaling


def pixel_loss(sr: Tensor, hr: Tensor, kind: PixelLoss) -> Tensor:
    """Mean absolute (``l1``) or squared (``l2``) difference of ``(N, 3, H, W)`` images."""
    return F.l1_loss(sr, hr) if kind == "l1" else F.mse_loss(sr, hr)


class Part(NamedTuple):
    """A weighted term of the objective: its value and its scaled gradient with respect to SR."""

    name: str
    value: Tensor
    gradient: Tensor


def part_of(
    name: str, value: Tensor, image: Tensor, scaling: Scaling, *, retain_graph: bool = False
) -> Part:
    """The part with this ``value``, differentiated with respect to ``image`` and scaled.

    Raises:
        ContractError: the value does not depend on the image.
    """
    if not value.requires_grad:
        raise ContractError(
            f"expected a {name} loss with a gradient with respect to SR, got a constant",
            "do not detach sr, and do not compute it under torch.no_grad()",
        )
    (gradient,) = torch.autograd.grad(scaling.scale(value), image, retain_graph=retain_graph)
    return Part(name, value.detach(), gradient)
