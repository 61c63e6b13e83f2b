"""The declared radius against the support of the gradient: never smaller, and not much larger."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from srbench.models.plugin import GENERATORS, builtin_generator

CASES: list[tuple[str, dict[str, Any]]] = [
    ("srresnet", {"blocks": 1, "channels": 4}),
    ("srresnet", {"blocks": 3, "channels": 4}),
    ("msrresnet", {"blocks": 1, "channels": 4}),
    ("msrresnet", {"blocks": 3, "channels": 4}),
    ("msrresnet", {"blocks": 2, "channels": 4, "upsampling": "nearest"}),
    ("rrdb", {"blocks": 1, "channels": 4, "growth": 2}),
    ("rrdb", {"blocks": 2, "channels": 4, "growth": 2}),
    ("span", {"channels": 4}),
]


def measured_radius(name: str, params: dict[str, Any], scale: int, side: int) -> int:
    """Farthest LR pixel, in either direction, with a gradient from the SR block of the middle."""
    network = builtin_generator(name, params, scale).build(seed=1).double().eval()
    with torch.no_grad():
        for tensor in network.parameters():
            # All weights positive and of a size that loses nothing on the way: the gradient is
            # then non-zero wherever there is a path.
            tensor.copy_(tensor.abs() + 0.05 if tensor.ndim > 1 else tensor)
    lr = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    middle = side // 2
    block = network(lr)[..., middle * scale : (middle + 1) * scale, :][
        ..., middle * scale : (middle + 1) * scale
    ]
    (gradient,) = torch.autograd.grad(block.sum(), lr)
    reached = gradient.abs().sum((0, 1)).nonzero() - middle
    return int(reached.abs().max())


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize(("name", "params"), CASES)
def test_the_declared_radius_bounds_the_measured_one(
    name: str, params: dict[str, Any], scale: int
) -> None:
    declared = builtin_generator(name, params, scale).receptive_radius
    assert declared is not None
    side = 2 * declared + 5
    measured = measured_radius(name, params, scale, side)
    assert measured < side // 2  # or the image ended first
    assert declared - 1 <= measured <= declared


def test_every_generator_is_measured() -> None:
    assert {name for name, _ in CASES} == {spec.name for spec in GENERATORS}
