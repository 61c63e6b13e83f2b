"""Weights of the networks, as data; of each file only the encoder is kept.

torchvision's file names hold the first eight digits of the file's sha256, which pins them. The
encoders of segmentation-models-pytorch are pinned by the commit that the library itself takes.
Nothing pins its checkpoints of whole networks: the tensors' hash is measured at the first load,
recorded, and a later load that differs is refused.
"""

from __future__ import annotations

from srbench.contract import HubSource, UrlSource, WeightFile

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

UNPINNED = (
    "the hub's files have no hash that could be pinned here; the tensors' hash is recorded at the "
    "first load, and a later load that differs is refused"
)
"""Why the conformance check ``weights-declared`` fails for the hub's files."""

_FILES = "https://download.pytorch.org/models/"


def _torchvision(weight_id: str, file: str, mib: float) -> WeightFile:
    return WeightFile(
        id=weight_id,
        license=TORCHVISION_LICENSE,
        sources=(UrlSource(url=_FILES + file),),
        sha256_prefix=file.removesuffix(".pth").rsplit("-", 1)[1],
        size=round(mib * 2**20),
        keep=("backbone.",),
    )


FCN_RESNET50 = _torchvision("fcn_resnet50-coco", "fcn_resnet50_coco-1167a1af.pth", 135.009)
FCN_RESNET101 = _torchvision("fcn_resnet101-coco", "fcn_resnet101_coco-7ecb50ca.pth", 207.711)
DEEPLABV3_RESNET50 = _torchvision(
    "deeplabv3_resnet50-coco", "deeplabv3_resnet50_coco-cd0a2569.pth", 160.515
)
DEEPLABV3_RESNET101 = _torchvision(
    "deeplabv3_resnet101-coco", "deeplabv3_resnet101_coco-586e9e4e.pth", 233.217
)
DEEPLABV3_MOBILENET = _torchvision(
    "deeplabv3_mobilenet_v3_large-coco", "deeplabv3_mobilenet_v3_large-fc3c493d.pth", 42.301
)
LRASPP_MOBILENET = _torchvision(
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
