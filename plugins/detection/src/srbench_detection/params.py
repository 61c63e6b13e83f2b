"""What a suite may set of each loss. The default tap is the backbone's last layer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from pydantic import Field

from srbench.contract.params import FeatureParams
from srbench_detection.networks import NETWORKS
from srbench_detection.taps import CRAFT

_TAP: Any = {"description": "the layer whose features are compared"}


class NetworkParams(FeatureParams):
    """Base of the parameters of torchvision's detectors; ``network`` is a key of ``NETWORKS``."""

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """The backbone's layers, and the pyramid's levels where there is one."""
        return NETWORKS[cls.network].taps()


class ResNet50Params(NetworkParams):
    """Base for ResNet-50 FPN; taps ``layer1`` to ``layer4`` and inside them, ``p2`` to ``p7``."""

    tap: str | None = Field("layer4", **_TAP)


class MobileNetParams(NetworkParams):
    """Base for MobileNetV3-Large FPN; taps ``features.0`` to ``features.16``, ``fpn....``."""

    tap: str | None = Field("features.16", **_TAP)


class FasterRcnnParams(ResNet50Params):
    """Parameters of ``fasterrcnn-resnet50``; pyramid ``p2`` to ``p5``."""

    network: ClassVar[str] = "fasterrcnn-resnet50"


class FasterRcnnV2Params(ResNet50Params):
    """Parameters of ``fasterrcnn-resnet50-v2``; pyramid ``p2`` to ``p5``."""

    network: ClassVar[str] = "fasterrcnn-resnet50-v2"


class FasterRcnnMobileNetParams(MobileNetParams):
    """Parameters of ``fasterrcnn-mobilenet-v3-large``."""

    network: ClassVar[str] = "fasterrcnn-mobilenet-v3-large"


class FasterRcnnMobileNet320Params(MobileNetParams):
    """Parameters of ``fasterrcnn-mobilenet-v3-large-320``."""

    network: ClassVar[str] = "fasterrcnn-mobilenet-v3-large-320"


class MaskRcnnParams(ResNet50Params):
    """Parameters of ``maskrcnn-resnet50``; pyramid ``p2`` to ``p5``."""

    network: ClassVar[str] = "maskrcnn-resnet50"


class MaskRcnnV2Params(ResNet50Params):
    """Parameters of ``maskrcnn-resnet50-v2``; pyramid ``p2`` to ``p5``."""

    network: ClassVar[str] = "maskrcnn-resnet50-v2"


class KeypointRcnnParams(ResNet50Params):
    """Parameters of ``keypointrcnn-resnet50``; pyramid ``p2`` to ``p5``."""

    network: ClassVar[str] = "keypointrcnn-resnet50"


class RetinaNetParams(ResNet50Params):
    """Parameters of ``retinanet-resnet50``; pyramid ``p3`` to ``p7``."""

    network: ClassVar[str] = "retinanet-resnet50"


class RetinaNetV2Params(ResNet50Params):
    """Parameters of ``retinanet-resnet50-v2``; pyramid ``p3`` to ``p7``."""

    network: ClassVar[str] = "retinanet-resnet50-v2"


class FcosParams(ResNet50Params):
    """Parameters of ``fcos-resnet50``; pyramid ``p3`` to ``p7``."""

    network: ClassVar[str] = "fcos-resnet50"


class Ssd300Params(NetworkParams):
    """Parameters of ``ssd300-vgg16``; taps ``conv1_1`` to ``relu5_3``, ``conv6``, ``conv7``."""

    network: ClassVar[str] = "ssd300-vgg16"
    tap: str | None = Field("relu5_3", **_TAP)


class SsdliteParams(NetworkParams):
    """Parameters of ``ssdlite320-mobilenet-v3-large``; taps by module path."""

    network: ClassVar[str] = "ssdlite320-mobilenet-v3-large"
    tap: str | None = Field("features.1", **_TAP)


PARAMS: tuple[type[NetworkParams], ...] = (
    FasterRcnnParams,
    FasterRcnnV2Params,
    FasterRcnnMobileNetParams,
    FasterRcnnMobileNet320Params,
    MaskRcnnParams,
    MaskRcnnV2Params,
    KeypointRcnnParams,
    RetinaNetParams,
    RetinaNetV2Params,
    FcosParams,
    Ssd300Params,
    SsdliteParams,
)
"""One per loss of torchvision's detectors."""


class CraftParams(FeatureParams):
    """Parameters of ``craft-vgg16-bn``; taps ``conv1_1`` to ``bn5_2``.

    ``conv5_2`` is before the batch norm, ``bn5_2`` after it, and deeper CRAFT's VGG16 does not go.
    """

    network: ClassVar[str] = "craft-vgg16-bn"
    tap: str | None = Field("bn5_2", **_TAP)

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """VGG16_BN's exact names and module paths."""
        return {*CRAFT, *CRAFT.values(), "features"}
