"""Weights of torchvision's detectors, as data; of each file only the backbone is kept.

The file names hold the first eight digits of the file's sha256, which pins them.
"""

from __future__ import annotations

from srbench.contract import UrlSource, WeightFile

LICENSE = (
    "BSD-3-Clause (torchvision); commercial use allowed; trained on COCO and ImageNet, whose "
    "images have terms of their own"
)

_FILES = "https://download.pytorch.org/models/"


def _torchvision(weight_id: str, file: str, mib: float) -> WeightFile:
    return WeightFile(
        id=weight_id,
        license=LICENSE,
        sources=(UrlSource(url=_FILES + file),),
        sha256_prefix=file.removesuffix(".pth").rsplit("-", 1)[1],
        size=round(mib * 2**20),
        keep=("backbone.",),
    )


FASTERRCNN_RESNET50 = _torchvision(
    "fasterrcnn_resnet50_fpn-coco", "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 159.743
)
FASTERRCNN_RESNET50_V2 = _torchvision(
    "fasterrcnn_resnet50_fpn_v2-coco", "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth", 167.104
)
FASTERRCNN_MOBILENET = _torchvision(
    "fasterrcnn_mobilenet_v3_large_fpn-coco",
    "fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth",
    74.239,
)
FASTERRCNN_MOBILENET_320 = _torchvision(
    "fasterrcnn_mobilenet_v3_large_320_fpn-coco",
    "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
    74.239,
)
MASKRCNN_RESNET50 = _torchvision(
    "maskrcnn_resnet50_fpn-coco", "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", 169.840
)
MASKRCNN_RESNET50_V2 = _torchvision(
    "maskrcnn_resnet50_fpn_v2-coco", "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", 177.219
)
KEYPOINTRCNN_RESNET50 = _torchvision(
    "keypointrcnn_resnet50_fpn-coco", "keypointrcnn_resnet50_fpn_coco-fc266e95.pth", 226.054
)
RETINANET_RESNET50 = _torchvision(
    "retinanet_resnet50_fpn-coco", "retinanet_resnet50_fpn_coco-eeacb38b.pth", 130.267
)
RETINANET_RESNET50_V2 = _torchvision(
    "retinanet_resnet50_fpn_v2-coco", "retinanet_resnet50_fpn_v2_coco-5905b1c5.pth", 146.037
)
FCOS_RESNET50 = _torchvision(
    "fcos_resnet50_fpn-coco", "fcos_resnet50_fpn_coco-99b0c9b7.pth", 123.608
)
SSD300_VGG16 = _torchvision("ssd300_vgg16-coco", "ssd300_vgg16_coco-b556d3b4.pth", 135.988)
SSDLITE320_MOBILENET = _torchvision(
    "ssdlite320_mobilenet_v3_large-coco", "ssdlite320_mobilenet_v3_large_coco-a79551df.pth", 13.418
)
