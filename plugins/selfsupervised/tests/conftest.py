"""Seeded stand-ins for the official weight files: the real keys, without a download."""

from __future__ import annotations

import math

import pytest
import torch

from srbench.errors import WeightsError


def seeded(network, seed=0):
    """A state dict for ``network`` (on any device) whose features keep a signal at every depth."""
    generator = torch.Generator().manual_seed(seed)
    return {name: _value(name, tensor, generator) for name, tensor in network.state_dict().items()}


def _value(name, tensor, generator):
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    if tensor.ndim > 1:
        spread = math.sqrt(2 / tensor[0].numel())
        return torch.randn(tensor.shape, generator=generator) * spread
    noise = torch.rand(tensor.shape, generator=generator)
    if name.endswith(("running_var", "weight")):
        return 0.5 + noise
    return noise - 0.5


class Resolver:
    """A ``WeightResolver`` over state dicts in memory."""

    def __init__(self, state_dicts):
        self.state_dicts = state_dicts
        self.asked = []

    def state_dict(self, weight_id):
        self.asked.append(weight_id)
        if weight_id not in self.state_dicts:
            raise WeightsError(f"expected weights {weight_id!r}, got none from 0 sources")
        return dict(self.state_dicts[weight_id])


@pytest.fixture(scope="session")
def helpers():
    """The functions above, for test modules (which cannot import a conftest)."""

    class Helpers:
        pass

    Helpers.seeded = staticmethod(seeded)
    Helpers.Resolver = Resolver
    return Helpers


@pytest.fixture(scope="session")
def pair():
    """SR and HR of the study's patch size: HR smooth, SR the same with an error."""
    generator = torch.Generator().manual_seed(11)
    coarse = torch.rand(1, 3, 12, 12, generator=generator)
    hr = torch.nn.functional.interpolate(coarse, size=96, mode="bilinear")
    sr = (hr + 0.1 * torch.randn(hr.shape, generator=generator)).clamp(0, 1)
    return sr, hr
