"""Tap names of the detectors' backbones with torchvision's module paths, as data; torch-free.

Layers are called as in the classifier of the same architecture (``layer4`` for torchvision's
``body.layer4``), so that one tap can be compared across tasks. Levels of a feature pyramid go by
the names of its paper, ``p3`` being at 1/8 of the image's size, and by module path.
"""

from __future__ import annotations

from collections.abc import Mapping

from srbench.contract.architectures import (
    RESNET50_BLOCKS,
    mobilenet_v3_large_modules,
    resnet_modules,
)
from srbench.contract.taps import VGG16_CONVS, vgg_layer_kinds, vgg_tap_paths

_SPLIT = 13
"""The entry of MobileNetV3's ``features`` after whose expansion SSDlite starts its second half."""


def resnet50_pyramid(
    first: int, *, batch_norm: bool, extra: tuple[str, ...] = ()
) -> Mapping[str, str]:
    """ResNet-50 with a pyramid from level ``first`` to 5, and ``extra`` convolutions after it."""
    names = {path: f"body.{path}" for path in resnet_modules(RESNET50_BLOCKS)}
    levels = range(6 - first)
    names |= {f"p{first + level}": f"fpn.layer_blocks.{level}" for level in levels}
    names |= {level: f"fpn.extra_blocks.{level}" for level in extra}
    return names | _same(_pyramid_modules(len(levels), batch_norm=batch_norm))


def mobilenet_pyramid() -> Mapping[str, str]:
    """MobileNetV3-Large with a pyramid of two levels, both at 1/32 of the image's size."""
    names = {
        f"features.{path}".rstrip("."): f"body.{path}".rstrip(".")
        for index, modules in mobilenet_v3_large_modules().items()
        for path in (f"{index}.{module}".rstrip(".") for module in modules)
    }
    return names | _same(_pyramid_modules(2, batch_norm=False))


def ssd_vgg16() -> Mapping[str, str]:
    """SSD's VGG16: exact names, the converted ``conv6`` and ``conv7``, and module paths.

    torchvision splits the chain in front of the fourth pooling. Its last two blocks are not
    offered: a training patch is too small for them.
    """

    def place(index: int) -> str:
        return f"features.{index}" if index < 23 else f"extra.0.{index - 23}"

    paths = vgg_tap_paths(vgg_layer_kinds(VGG16_CONVS), prefix="")
    names = {name: place(int(index)) for name, index in paths.items()}
    tail = ("pool5", "conv6", "relu6", "conv7", "relu7")
    names |= {name: f"extra.0.7.{index}" for index, name in enumerate(tail)}
    further = {f"extra.{block}" for block in range(3)} | {"features", "extra.0.7"}
    further |= {f"extra.{block}.{layer}" for block in (1, 2) for layer in range(4)}
    return names | _same({*names.values(), *further})


def ssdlite() -> Mapping[str, str]:
    """SSDlite's MobileNetV3-Large, by module path.

    ``features.0`` ends inside of the classifier's ``features.13``, after its expansion;
    ``features.1`` is the rest. The extra blocks after it are not offered.
    """
    entries = mobilenet_v3_large_modules()
    names = {"features.0", "features.1", "features.1.0"}
    for index, modules in entries.items():
        if index == _SPLIT:
            names |= {f"features.0.{index}", *(f"features.0.{index}.{k}" for k in range(3))}
            names |= {
                f"features.1.0.{module.removeprefix('block.')}"
                for module in modules
                if module.startswith(("block.1", "block.2", "block.3"))
            }
            continue
        parent = f"features.0.{index}" if index < _SPLIT else f"features.1.{index - _SPLIT}"
        names |= {f"{parent}.{module}".rstrip(".") for module in modules}
    return _same(names)


def _pyramid_modules(levels: int, *, batch_norm: bool) -> set[str]:
    parts = ("", ".0", ".1") if batch_norm else ("", ".0")
    return {
        f"fpn.{kind}_blocks.{level}{part}"
        for kind in ("inner", "layer")
        for level in range(levels)
        for part in parts
    }


def _same(paths: set[str]) -> dict[str, str]:
    return {path: path for path in paths}
