"""Every shipped loss on the device against itself on the CPU: value and gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from shipped import names, needs_weights, shipped_loss
from torch import Tensor, nn

from srbench.checks.cases import pair
from srbench.errors import UserError
from srbench.settings.sections import Precision
from srbench.train import RuntimeSettings
from srbench.train.runtime import session

pytestmark = pytest.mark.accelerator

FLOAT32 = {"value": 1e-3, "gradient": 1e-2}
"""Relative differences allowed of the value, and of the gradient's Euclidean norm: a GPU sums in
another order, and where a ReLU or a maximum is near its kink its gradient goes another way."""

BF16 = {"value": 0.1, "gradient": 1.0}
"""Eight bits of mantissa: the gradient of a deep network keeps its direction, not its size."""


def measured(loss: nn.Module, size: int, device: str, precision: Precision) -> tuple[float, Tensor]:
    sr, hr = (image.to(device) for image in pair(size))
    runtime = RuntimeSettings(device=device, loss_precision=precision)
    with session(runtime, seed=0) as where:
        image = sr.requires_grad_()
        with where.losses():
            value = where.module(loss)(image, hr).float()
        (gradient,) = torch.autograd.grad(value, image)
    return float(value.detach()), gradient.cpu().double()


@pytest.mark.parametrize("name", names())
def test_value_and_gradient_are_the_cpus(
    name: str, device: str, record_property: Callable[[str, object], None]
) -> None:
    """float32 and bf16 against float32 on the CPU."""
    if device == "cpu" and needs_weights(name):
        pytest.skip("would compare the CPU with itself")
    loss, size = shipped_loss(name, values=True)
    value, gradient = measured(loss, size, "cpu", "float32")
    norm = torch.linalg.vector_norm(gradient)
    for precision, allowed in (("float32", FLOAT32), ("bf16", BF16)):
        try:
            own, other = measured(loss, size, device, precision)
        except UserError:
            assert precision == "bf16"
            record_property("bf16", "none here")
            continue
        off = {
            "value": abs(own - value) / abs(value),
            "gradient": float(torch.linalg.vector_norm(other - gradient) / norm),
        }
        for what, difference in off.items():
            record_property(f"{precision} {what}", float(f"{difference:.2g}"))
        assert all(off[what] <= allowed[what] for what in allowed), off
