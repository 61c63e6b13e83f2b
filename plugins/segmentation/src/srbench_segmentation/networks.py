"""torchvision's segmentation networks as data: tap names and weights; torch-free.

Only the encoder (torchvision's ``backbone``) makes the loss; classifier and decoder are dropped.
Taps are called as in the classifier of the same architecture, so that one tap can be compared
across tasks: ``layer4`` of ``fcn-resnet50`` and of ``resnet50``. FCN and DeepLabV3 dilate the last
stages instead of striding: ``layer4`` is at 1/8 of the image's size there, not at 1/32, and
``features.16`` of DeepLabV3 and LRASPP at 1/16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from srbench.contract import WeightFile
from srbench.contract.architectures import (
    RESNET50_BLOCKS,
    RESNET101_BLOCKS,
    mobilenet_v3_large_modules,
    resnet_modules,
)
from srbench_segmentation import weights

PRETRAINED_ON = "COCO train2017 images with the 20 classes of Pascal VOC; encoder from ImageNet-1k"


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A segmentation network of torchvision.

    Attributes:
        architecture: what ``torchvision.models.get_model`` calls it.
        title: for people.
        backbone: architecture of its encoder.
        file: its weights.
    """

    architecture: str
    title: str
    backbone: str
    file: WeightFile
    paper: str


_FCN = "https://arxiv.org/abs/1411.4038"
_DEEPLABV3 = "https://arxiv.org/abs/1706.05587"
_MOBILENET_V3 = "https://arxiv.org/abs/1905.02244"

NETWORKS: Mapping[str, Network] = {
    "fcn-resnet50": Network(
        architecture="fcn_resnet50",
        title="FCN with ResNet-50",
        backbone="resnet50",
        file=weights.FCN_RESNET50,
        paper=_FCN,
    ),
    "fcn-resnet101": Network(
        architecture="fcn_resnet101",
        title="FCN with ResNet-101",
        backbone="resnet101",
        file=weights.FCN_RESNET101,
        paper=_FCN,
    ),
    "deeplabv3-resnet50": Network(
        architecture="deeplabv3_resnet50",
        title="DeepLabV3 with ResNet-50",
        backbone="resnet50",
        file=weights.DEEPLABV3_RESNET50,
        paper=_DEEPLABV3,
    ),
    "deeplabv3-resnet101": Network(
        architecture="deeplabv3_resnet101",
        title="DeepLabV3 with ResNet-101",
        backbone="resnet101",
        file=weights.DEEPLABV3_RESNET101,
        paper=_DEEPLABV3,
    ),
    "deeplabv3-mobilenet-v3-large": Network(
        architecture="deeplabv3_mobilenet_v3_large",
        title="DeepLabV3 with MobileNetV3-Large",
        backbone="mobilenet_v3_large",
        file=weights.DEEPLABV3_MOBILENET,
        paper=_DEEPLABV3,
    ),
    "lraspp-mobilenet-v3-large": Network(
        architecture="lraspp_mobilenet_v3_large",
        title="LR-ASPP with MobileNetV3-Large",
        backbone="mobilenet_v3_large",
        file=weights.LRASPP_MOBILENET,
        paper=_MOBILENET_V3,
    ),
}
"""Loss name -> network."""


@cache
def tap_paths(backbone: str) -> Mapping[str, str]:
    """Every tap of an encoder with the module path inside of torchvision's ``backbone``."""
    if backbone == "mobilenet_v3_large":
        # torchvision hands over the entries of `features` themselves: "16" for "features.16".
        paths = (
            f"{index}.{module}".rstrip(".")
            for index, modules in mobilenet_v3_large_modules().items()
            for module in modules
        )
        return {f"features.{path}": path for path in paths}
    blocks = {"resnet50": RESNET50_BLOCKS, "resnet101": RESNET101_BLOCKS}[backbone]
    return {path: path for path in resnet_modules(blocks)}
