"""torchvision's detectors as data: taps, weights and input range of each; torch-free.

Only the backbone, with the feature pyramid where there is one, makes the loss; the heads are
dropped. Detectors enlarge their images to 800 pixels (SSD to 300, SSDlite to 320) before they look
at them; a loss compares the training patches at the size that they have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from srbench.contract import Task, WeightFile
from srbench_detection import taps, weights

Triple = tuple[float, float, float]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A detector of torchvision.

    Attributes:
        architecture: what ``torchvision.models.get_model`` calls it.
        title: for people.
        backbone: architecture of its backbone.
        file: its weights.
        taps: gives tap names -> module paths inside of torchvision's ``backbone``.
        frozen_norm_epsilon: of the batch norms, where it is not the constructor's: the first
            weights of torchvision's R-CNNs and RetinaNet come from a Caffe2 code that had none.
        min_size: smallest side of an image.
    """

    architecture: str
    title: str
    backbone: str
    file: WeightFile
    taps: Callable[[], Mapping[str, str]]
    paper: str
    task: Task = "detection"
    mean: Triple = _IMAGENET_MEAN
    std: Triple = _IMAGENET_STD
    frozen_norm_epsilon: float | None = None
    min_size: int = 1


def _rcnn_taps() -> Mapping[str, str]:
    return taps.resnet50_pyramid(2, batch_norm=False, extra=())


def _rcnn_v2_taps() -> Mapping[str, str]:
    return taps.resnet50_pyramid(2, batch_norm=True, extra=())


def _one_stage_taps() -> Mapping[str, str]:
    return taps.resnet50_pyramid(3, batch_norm=False, extra=("p6", "p7"))


_FASTER = "https://arxiv.org/abs/1506.01497"
_MASK = "https://arxiv.org/abs/1703.06870"
_V2 = "https://arxiv.org/abs/2111.11429"
_MOBILENET_V3 = "https://arxiv.org/abs/1905.02244"

NETWORKS: Mapping[str, Network] = {
    "fasterrcnn-resnet50": Network(
        architecture="fasterrcnn_resnet50_fpn",
        title="Faster R-CNN with ResNet-50 FPN",
        backbone="resnet50",
        file=weights.FASTERRCNN_RESNET50,
        taps=_rcnn_taps,
        paper=_FASTER,
        frozen_norm_epsilon=0.0,
    ),
    "fasterrcnn-resnet50-v2": Network(
        architecture="fasterrcnn_resnet50_fpn_v2",
        title="Faster R-CNN v2 with ResNet-50 FPN",
        backbone="resnet50",
        file=weights.FASTERRCNN_RESNET50_V2,
        taps=_rcnn_v2_taps,
        paper=_V2,
    ),
    "fasterrcnn-mobilenet-v3-large": Network(
        architecture="fasterrcnn_mobilenet_v3_large_fpn",
        title="Faster R-CNN with MobileNetV3-Large FPN",
        backbone="mobilenet_v3_large",
        file=weights.FASTERRCNN_MOBILENET,
        taps=taps.mobilenet_pyramid,
        paper=_MOBILENET_V3,
    ),
    "fasterrcnn-mobilenet-v3-large-320": Network(
        architecture="fasterrcnn_mobilenet_v3_large_320_fpn",
        title="Faster R-CNN with MobileNetV3-Large FPN, for 320 pixels",
        backbone="mobilenet_v3_large",
        file=weights.FASTERRCNN_MOBILENET_320,
        taps=taps.mobilenet_pyramid,
        paper=_MOBILENET_V3,
    ),
    "maskrcnn-resnet50": Network(
        architecture="maskrcnn_resnet50_fpn",
        title="Mask R-CNN with ResNet-50 FPN",
        backbone="resnet50",
        file=weights.MASKRCNN_RESNET50,
        taps=_rcnn_taps,
        paper=_MASK,
        task="instance-segmentation",
        frozen_norm_epsilon=0.0,
    ),
    "maskrcnn-resnet50-v2": Network(
        architecture="maskrcnn_resnet50_fpn_v2",
        title="Mask R-CNN v2 with ResNet-50 FPN",
        backbone="resnet50",
        file=weights.MASKRCNN_RESNET50_V2,
        taps=_rcnn_v2_taps,
        paper=_V2,
        task="instance-segmentation",
    ),
    "keypointrcnn-resnet50": Network(
        architecture="keypointrcnn_resnet50_fpn",
        title="Keypoint R-CNN with ResNet-50 FPN (people and their poses)",
        backbone="resnet50",
        file=weights.KEYPOINTRCNN_RESNET50,
        taps=_rcnn_taps,
        paper=_MASK,
        frozen_norm_epsilon=0.0,
    ),
    "retinanet-resnet50": Network(
        architecture="retinanet_resnet50_fpn",
        title="RetinaNet with ResNet-50 FPN",
        backbone="resnet50",
        file=weights.RETINANET_RESNET50,
        taps=_one_stage_taps,
        paper="https://arxiv.org/abs/1708.02002",
        frozen_norm_epsilon=0.0,
    ),
    "retinanet-resnet50-v2": Network(
        architecture="retinanet_resnet50_fpn_v2",
        title="RetinaNet v2 with ResNet-50 FPN",
        backbone="resnet50",
        file=weights.RETINANET_RESNET50_V2,
        taps=_one_stage_taps,
        paper="https://arxiv.org/abs/1912.02424",
    ),
    "fcos-resnet50": Network(
        architecture="fcos_resnet50_fpn",
        title="FCOS with ResNet-50 FPN",
        backbone="resnet50",
        file=weights.FCOS_RESNET50,
        taps=_one_stage_taps,
        paper="https://arxiv.org/abs/1904.01355",
    ),
    "ssd300-vgg16": Network(
        architecture="ssd300_vgg16",
        title="SSD300 with VGG16",
        backbone="vgg16",
        file=weights.SSD300_VGG16,
        taps=taps.ssd_vgg16,
        paper="https://arxiv.org/abs/1512.02325",
        # Its VGG16 is the Caffe one of its authors, in their range but for the channels' order.
        mean=(0.48235, 0.45882, 0.40784),
        std=(1 / 255, 1 / 255, 1 / 255),
        min_size=16,
    ),
    "ssdlite320-mobilenet-v3-large": Network(
        architecture="ssdlite320_mobilenet_v3_large",
        title="SSDlite320 with MobileNetV3-Large",
        backbone="mobilenet_v3_large",
        file=weights.SSDLITE320_MOBILENET,
        taps=taps.ssdlite,
        paper=_MOBILENET_V3,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    ),
}
"""Loss name -> network."""
