"""Backbones that several tasks share: module paths as data, and makers; torch-free to import.

Each ``..._modules`` gives what torchvision's network calls in a forward pass up to its head, in
the names that :mod:`srbench.contract.taps` describes (``relu_1`` is a module's second call). A
plugin checks its taps against them without importing torch; the tests compare them with what the
networks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

RESNET50_BLOCKS = (3, 4, 6, 3)
"""Bottleneck blocks in each stage of ResNet-50."""

RESNET101_BLOCKS = (3, 4, 23, 3)
"""Bottleneck blocks in each stage of ResNet-101."""

_MOBILENET_V3_LARGE_SE = (4, 5, 6, 11, 12, 13, 14, 15)
_UNIT: tuple[str, ...] = ("0", "1", "2")
_SQUEEZE = ("avgpool", "fc1", "activation", "fc2", "scale_activation")


def torchvision_module(architecture: str, part: str = "", **options: object) -> nn.Module:
    """torchvision's network without weights, or the part of it that has this module path."""
    import torchvision

    network: nn.Module = torchvision.models.get_model(architecture, weights=None, **options)
    return network.get_submodule(part)


def torchvision_features(architecture: str, layers: int | None = None) -> nn.Module:
    """The first ``layers`` of the ``features`` of a VGG or AlexNet, under their usual names."""
    from collections import OrderedDict

    from torch import nn

    features: Any = torchvision_module(architecture, "features")
    return nn.Sequential(OrderedDict(features=features[:layers]))


def resnet_modules(blocks: tuple[int, ...]) -> frozenset[str]:
    """A ResNet of bottleneck blocks, so many per stage.

    >>> "layer4.2.relu_2" in resnet_modules(RESNET50_BLOCKS)
    True
    """
    inner = [f"{kind}{k}" for kind in ("conv", "bn") for k in (1, 2, 3)]
    inner += ["relu", "relu_1", "relu_2"]
    names = {"conv1", "bn1", "relu", "maxpool"}
    for stage, count in enumerate(blocks, start=1):
        layer = f"layer{stage}"
        names |= {layer, *_under(f"{layer}.0", ("downsample", "downsample.0", "downsample.1"))}
        for block in range(count):
            names |= {f"{layer}.{block}", *_under(f"{layer}.{block}", inner)}
    return frozenset(names)


def mobilenet_v3_large_modules() -> dict[int, frozenset[str]]:
    """MobileNetV3-Large: for each of the 17 entries of ``features``, the modules inside of it.

    The entry itself is the empty name.

    >>> sorted(mobilenet_v3_large_modules()[16])
    ['', '0', '1', '2']
    """
    entries = {0: frozenset({"", *_UNIT}), 16: frozenset({"", *_UNIT})}
    for index in range(1, 16):
        entries[index] = frozenset({"", "block", *_under("block", _inverted_residual(index))})
    return entries


def _inverted_residual(index: int) -> Iterator[str]:
    """The parts of a block: expansion (not in the first), depthwise, squeeze, projection."""
    parts = [_UNIT] if index == 1 else [_UNIT, _UNIT]
    parts += [_SQUEEZE] if index in _MOBILENET_V3_LARGE_SE else []
    parts += [_UNIT[:2]]  # a projection has no activation
    for number, inner in enumerate(parts):
        yield str(number)
        yield from _under(str(number), inner)


def _under(parent: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{parent}.{name}" for name in names)
