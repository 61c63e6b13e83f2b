"""torchvision's segmentation networks and HED as data; torch-free.

Only the encoder (torchvision's ``backbone``) makes the loss; classifier and decoder are dropped.
Taps are called as in the classifier of the same architecture, so that one tap can be compared
across tasks: ``layer4`` of ``fcn-resnet50`` and of ``resnet50``. FCN and DeepLabV3 dilate the last
stages instead of striding: ``layer4`` is at 1/8 of the image's size there, not at 1/32, and
``features.16`` of DeepLabV3 and LRASPP at 1/16.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from srbench.contract import WeightFile
from srbench.contract.architectures import (
    RESNET50_BLOCKS,
    RESNET101_BLOCKS,
    mobilenet_v3_large_modules,
    resnet_modules,
    torchvision_features,
    torchvision_module,
)
from srbench.contract.networks import Network, Pretrained
from srbench.contract.taps import VGG16_CONVS, vgg_taps
from srbench_segmentation import weights

_FCN = "https://arxiv.org/abs/1411.4038"
_DEEPLABV3 = "https://arxiv.org/abs/1706.05587"
_MOBILENET_V3 = "https://arxiv.org/abs/1905.02244"

_MOBILENET_TAPS = {
    # torchvision hands over the entries of `features` themselves: "16" for "features.16".
    f"features.{index}.{module}".rstrip("."): f"{index}.{module}".rstrip(".")
    for index, modules in mobilenet_v3_large_modules().items()
    for module in modules
}
_TAPS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "resnet50": ("layer4", {path: path for path in resnet_modules(RESNET50_BLOCKS)}),
    "resnet101": ("layer4", {path: path for path in resnet_modules(RESNET101_BLOCKS)}),
    "mobilenet_v3_large": ("features.16", _MOBILENET_TAPS),
}
"""Backbone -> default tap, and every tap with its module path in torchvision's ``backbone``."""


def _network(name: str, title: str, backbone: str, file: WeightFile, paper: str) -> Network:
    tap, taps = _TAPS[backbone]
    architecture = name.replace("-", "_")
    return Network(
        name=name,
        summary=f"features of {title} trained for semantic segmentation",
        task="segmentation",
        backbone=backbone,
        make=partial(torchvision_module, architecture, "backbone", weights_backbone=None),
        prefix="backbone.",
        weights={"COCO_WITH_VOC_LABELS_V1": Pretrained(file=file)},
        tap=tap,
        taps=taps,
        pretrained_on="COCO train2017 images with the 20 classes of Pascal VOC; encoder from "
        "ImageNet-1k",
        license=file.license,
        paper=paper,
        version=2,  # BatchNorm is folded
    )


_ALL = (
    _network("fcn-resnet50", "FCN with ResNet-50", "resnet50", weights.FCN_RESNET50, _FCN),
    _network("fcn-resnet101", "FCN with ResNet-101", "resnet101", weights.FCN_RESNET101, _FCN),
    _network(
        "deeplabv3-resnet50",
        "DeepLabV3 with ResNet-50",
        "resnet50",
        weights.DEEPLABV3_RESNET50,
        _DEEPLABV3,
    ),
    _network(
        "deeplabv3-resnet101",
        "DeepLabV3 with ResNet-101",
        "resnet101",
        weights.DEEPLABV3_RESNET101,
        _DEEPLABV3,
    ),
    _network(
        "deeplabv3-mobilenet-v3-large",
        "DeepLabV3 with MobileNetV3-Large",
        "mobilenet_v3_large",
        weights.DEEPLABV3_MOBILENET,
        _DEEPLABV3,
    ),
    _network(
        "lraspp-mobilenet-v3-large",
        "LR-ASPP with MobileNetV3-Large",
        "mobilenet_v3_large",
        weights.LRASPP_MOBILENET,
        _MOBILENET_V3,
    ),
)

NETWORKS: Mapping[str, Network] = {network.name: network for network in _ALL}
"""Loss name -> network of torchvision."""

_HED_LAYERS = 30
"""Of VGG16's: HED has no fifth pooling."""

HED = Network(
    name="hed-vgg16",
    summary="features of HED's VGG16 trained for edges (object boundaries)",
    task="edges",
    backbone="vgg16",
    make=partial(torchvision_features, "vgg16", _HED_LAYERS),
    weights={"BSDS500": Pretrained(file=weights.HED_VGG16)},
    tap="relu5_3",
    taps=vgg_taps(VGG16_CONVS, layers=_HED_LAYERS),
    pretrained_on="BSDS500; from the VGG16 of its authors (Caffe, ImageNet), most likely",
    saw_test_images=("bsd100",),
    min_size=16,
    license="MIT; commercial use allowed; trained on BSDS500 (non-commercial research images)",
    paper="https://arxiv.org/abs/1504.06375",
)
"""Its input range is :class:`srbench_segmentation.hed.HedRange`."""
