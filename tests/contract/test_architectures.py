"""Names of layers against torchvision's networks."""

from __future__ import annotations

import doctest
from collections import Counter

import pytest
import torch
import torchvision

from srbench.contract import architectures
from srbench.contract.architectures import (
    RESNET50_BLOCKS,
    RESNET101_BLOCKS,
    mobilenet_v3_large_modules,
    resnet_modules,
)


def calls_of(network):
    """What the forward pass calls, with ``_k`` for further calls."""
    counts, names = Counter(), set()

    def note(path, module):
        def hook(*_):
            names.add(path if not counts[path] else f"{path}_{counts[path]}")
            counts[path] += 1

        if path:
            module.register_forward_hook(hook)

    for path, module in network.named_modules():
        note(path, module)
    with torch.no_grad():
        network.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    return names


@pytest.mark.parametrize(
    ("name", "blocks"), [("resnet50", RESNET50_BLOCKS), ("resnet101", RESNET101_BLOCKS)]
)
def test_resnets(name, blocks):
    with torch.device("meta"):
        network = torchvision.models.get_model(name, weights=None)
    assert resnet_modules(blocks) == calls_of(network) - {"avgpool", "fc"}


def test_mobilenet_v3_large():
    with torch.device("meta"):
        features = torchvision.models.mobilenet_v3_large(weights=None).features
    names = {
        f"{index}.{module}".rstrip(".")
        for index, modules in mobilenet_v3_large_modules().items()
        for module in modules
    }
    assert names == calls_of(features)


def test_examples_in_the_documentation():
    result = doctest.testmod(architectures)
    assert result.attempted == 2
    assert result.failed == 0
