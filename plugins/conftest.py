"""For the tests of all plugins: seeded stand-ins for the official weight files."""

from __future__ import annotations

import math

import pytest
import torch
import torchvision

from srbench.errors import WeightsError


def seeded(network, seed=0):
    """A state dict for ``network`` (on ``meta``) whose features keep a signal at every depth."""
    generator = torch.Generator().manual_seed(seed)
    return {name: _value(name, tensor, generator) for name, tensor in network.state_dict().items()}


def _value(name, tensor, generator):
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    if name.startswith("classifier."):  # 124 million numbers in a VGG, which no test looks at
        return torch.zeros(1).expand(tensor.shape)
    if tensor.ndim > 1:
        spread = math.sqrt(2 / tensor[0].numel())
        return torch.randn(tensor.shape, generator=generator) * spread
    noise = torch.rand(tensor.shape, generator=generator)
    if name.endswith(("running_var", "weight")):
        return 0.5 + noise
    return noise - 0.5


def official_state_dict(architecture, **options):
    """Keys and shapes as in torchvision's own network, head and auxiliary classifier included."""
    with torch.device("meta"):
        network = torchvision.models.get_model(architecture, weights=None, **options)
    return seeded(network)


class Resolver:
    """A ``WeightResolver`` over state dicts in memory."""

    def __init__(self, state_dicts):
        self.state_dicts = state_dicts
        self.asked = []

    def state_dict(self, weight_id):
        """As the real one."""
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
    Helpers.official_state_dict = staticmethod(official_state_dict)
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
