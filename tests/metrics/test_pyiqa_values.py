"""pyiqa is used through private parts: what it gives for inputs that no library's generator makes.

The numbers are those of :data:`TESTED`, in float64, where processors differ by 1e-12 (in float32
DISTS by 1e-4). In float32 they were the same under the oldest version that is allowed, 0.1.13. Who
raises the upper bound in pyproject.toml runs this under the new version first (the weekly workflow
does).
"""

from __future__ import annotations

import functools
import importlib.metadata
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from packaging.requirements import Requirement
from torch import Tensor

from srbench.metrics.pyiqa_bridge import dists_network, lpips_network, niqe_scores

ROOT = Path(__file__).parents[2]
TESTED = "0.1.16"
INSTALLED = importlib.metadata.version("pyiqa")


def waves(*shape: int, phase: float) -> Tensor:
    """Numbers in [-1, 1] from the sine of their index: the same whatever generator is installed."""
    index = np.arange(math.prod(shape), dtype=np.float64)
    return torch.from_numpy(np.sin(index * (12.9898 + phase)).reshape(shape)).float()


@functools.cache
def backbone(network: str) -> dict[str, Tensor]:
    """Weights of the size that He's rule gives, so that every layer's features are alive."""
    with torch.device("meta"):
        layers = (
            torchvision.models.alexnet(weights=None).features
            if network == "alex"
            else torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
        )
    state = {}
    for number, (name, value) in enumerate(layers.state_dict().items()):
        size = 2.0 / math.sqrt(math.prod(value.shape[1:]) or 1e4)
        state[f"features.{name}"] = size * waves(*value.shape, phase=0.01 * number)
    return state


def images() -> tuple[Tensor, Tensor]:
    hr = (waves(1, 3, 192, 288, phase=0.0) * 0.2 + 0.5) + 0.2 * torch.linspace(-1, 1, 288)
    blurred = torch.nn.functional.avg_pool2d(hr, 3, stride=1, padding=1)
    return blurred.clamp(0, 1).double(), hr.clamp(0, 1).double()


def lpips(network: str, channels: tuple[int, ...]) -> float:
    heads = {
        f"lin{i}.model.1.weight": waves(1, n, 1, 1, phase=0.5).abs() for i, n in enumerate(channels)
    }
    return lpips_network(network, backbone(network), heads).double()(*images()).item()


def dists() -> float:
    weights = {k: waves(1, 1475, 1, 1, phase=0.7).abs() for k in ("alpha", "beta")}
    return dists_network(backbone("vgg"), weights).double()(*images()).item()


def niqe() -> float:
    spread = waves(36, 200, phase=0.3).double()
    mean = waves(36, phase=0.9).double().abs()
    return niqe_scores(images()[0], mean, spread @ spread.T / 200).item()


VALUES = {
    "lpips-alex": (lambda: lpips("alex", (64, 192, 384, 256, 256)), 0.01307285633),
    "lpips-vgg": (lambda: lpips("vgg", (64, 128, 256, 512, 512)), 0.2739964226),
    "dists": (dists, 0.04258264675),
    "niqe": (niqe, 469.6732),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_the_tested_version(name: str) -> None:
    compute, expected = VALUES[name]
    with torch.no_grad():
        got = compute()
    assert got == pytest.approx(expected, rel=1e-6), (
        f"pyiqa {INSTALLED} does not give what {TESTED} gave for {name}: "
        "raise the metric's version, or keep the upper bound"
    )


def test_both_distributions_that_use_pyiqa_bound_it_after_the_tested_version() -> None:
    found = []
    for file in ("pyproject.toml", "plugins/iqa/pyproject.toml"):
        lines = tomllib.loads((ROOT / file).read_text())["project"]["dependencies"]
        found += [r.specifier for r in map(Requirement, lines) if r.name == "pyiqa"]
    assert len(found) == 2
    assert found[0] == found[1]
    major, minor, patch = map(int, TESTED.split("."))
    assert TESTED in found[0]
    assert f"{major}.{minor}.{patch + 1}" not in found[0]
