"""What the layers of each network are called, as data: tap names are checked without torch.

Every function gives the modules of torchvision's (for EfficientNet-Lite0: timm's) network that its
forward pass calls up to the classifier head, by module path; a module's second and third call have
``_1`` and ``_2`` added. The tests compare with what the networks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_ALEXNET = "conv1 relu1 pool1 conv2 relu2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5"

ALEXNET = {name: f"features.{index}" for index, name in enumerate(_ALEXNET.split())}
"""AlexNet's layers by the names that its literature has, with torchvision's module paths."""


def densenet(blocks: tuple[int, ...]) -> frozenset[str]:
    """A DenseNet of so many layers per dense block."""
    inner = [f"{kind}{k}" for kind in ("norm", "relu", "conv") for k in (1, 2)]
    names = {"features", *_under("features", ["conv0", "norm0", "relu0", "pool0", "norm5"])}
    for number, count in enumerate(blocks, start=1):
        block = f"features.denseblock{number}"
        names.add(block)
        for index in range(1, count + 1):
            layer = f"{block}.denselayer{index}"
            names |= {layer, *_under(layer, inner)}
        if number < len(blocks):
            transition = f"features.transition{number}"
            names |= {transition, *_under(transition, ["norm", "relu", "conv", "pool"])}
    return frozenset(names)


_MIXED_A = "branch1x1 branch5x5_1 branch5x5_2 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"
_MIXED_B = "branch3x3 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"
_MIXED_C = (
    "branch1x1 branch7x7_1 branch7x7_2 branch7x7_3 branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 "
    "branch7x7dbl_4 branch7x7dbl_5"
)
_MIXED_D = "branch3x3_1 branch3x3_2 branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4"
_MIXED_E = (
    "branch1x1 branch3x3_1 branch3x3_2a branch3x3_2b branch3x3dbl_1 branch3x3dbl_2 "
    "branch3x3dbl_3a branch3x3dbl_3b"
)
_INCEPTION_V3 = {
    **dict.fromkeys(("Mixed_5b", "Mixed_5c", "Mixed_5d"), f"{_MIXED_A} branch_pool"),
    "Mixed_6a": _MIXED_B,
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), f"{_MIXED_C} branch_pool"),
    "Mixed_7a": _MIXED_D,
    **dict.fromkeys(("Mixed_7b", "Mixed_7c"), f"{_MIXED_E} branch_pool"),
}


def inception_v3() -> frozenset[str]:
    """Inception-v3 without its auxiliary classifier."""
    stem = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
    units = [
        *stem,
        *(f"{mixed}.{branch}" for mixed, all_ in _INCEPTION_V3.items() for branch in all_.split()),
    ]
    inside = [f"{unit}.{part}" for unit in units for part in ("conv", "bn")]
    return frozenset({"maxpool1", "maxpool2", *_INCEPTION_V3, *units, *inside})


def mobilenet_v2() -> frozenset[str]:
    """MobileNetV2: a convolution, 17 inverted residuals, a convolution."""
    names = {"features"}
    for unit in ("features.0", "features.18"):
        names |= {unit, *_under(unit, "012")}
    # The first inverted residual does not expand: depthwise, projection, batch norm.
    expand = ["conv.0", *(f"conv.0.{k}" for k in range(3))]
    depthwise = ["conv.1", *(f"conv.1.{k}" for k in range(3))]
    first = ["conv", *expand, "conv.1", "conv.2"]
    later = ["conv", *expand, *depthwise, "conv.2", "conv.3"]
    for index in range(1, 18):
        block = f"features.{index}"
        names |= {block, *_under(block, first if index == 1 else later)}
    return frozenset(names)


def efficientnet_lite0() -> frozenset[str]:
    """timm's ``tf_efficientnet_lite0``; its ``bn`` modules hold the activation as ``bn.act``."""
    names = {"conv_stem", "bn1", "bn1.act", "blocks", "conv_head", "bn2", "bn2.act"}
    first = ["conv_dw", "bn1", "bn1.act", "conv_pw", "bn2"]
    later = ["conv_pw", "bn1", "bn1.act", "conv_dw", "bn2", "bn2.act", "conv_pwl", "bn3"]
    for stage, count in enumerate((1, 2, 2, 3, 3, 4, 1)):
        names.add(f"blocks.{stage}")
        for block in range(count):
            path = f"blocks.{stage}.{block}"
            names |= {path, *_under(path, first if stage == 0 else later)}
    return frozenset(names)


def _under(parent: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{parent}.{name}" for name in names)
