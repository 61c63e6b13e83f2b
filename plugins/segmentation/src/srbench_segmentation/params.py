"""What a suite may set of each loss. The default tap is the encoder's last feature layer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from pydantic import Field

from srbench.contract.params import FeatureParams
from srbench.contract.taps import VGG16_CONVS, vgg_layer_kinds, vgg_tap_paths
from srbench_segmentation.networks import NETWORKS, tap_paths

_TAP: Any = {"description": "the layer whose features are compared"}


class NetworkParams(FeatureParams):
    """Base of the parameters of torchvision's networks; ``network`` is a key of ``NETWORKS``."""

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """The encoder's module paths, as in the classifier of the same architecture."""
        return tap_paths(NETWORKS[cls.network].backbone)


class ResNetParams(NetworkParams):
    """Base for the ResNet encoders; taps ``conv1``, ``layer1`` to ``layer4``, and inside them."""

    tap: str | None = Field("layer4", **_TAP)


class MobileNetParams(NetworkParams):
    """Base for the MobileNetV3-Large encoders; taps ``features.0`` to ``features.16``."""

    tap: str | None = Field("features.16", **_TAP)


class FcnResNet50Params(ResNetParams):
    """Parameters of ``fcn-resnet50``."""

    network: ClassVar[str] = "fcn-resnet50"


class FcnResNet101Params(ResNetParams):
    """Parameters of ``fcn-resnet101``."""

    network: ClassVar[str] = "fcn-resnet101"


class DeepLabResNet50Params(ResNetParams):
    """Parameters of ``deeplabv3-resnet50``."""

    network: ClassVar[str] = "deeplabv3-resnet50"


class DeepLabResNet101Params(ResNetParams):
    """Parameters of ``deeplabv3-resnet101``."""

    network: ClassVar[str] = "deeplabv3-resnet101"


class DeepLabMobileNetParams(MobileNetParams):
    """Parameters of ``deeplabv3-mobilenet-v3-large``."""

    network: ClassVar[str] = "deeplabv3-mobilenet-v3-large"


class LrasppMobileNetParams(MobileNetParams):
    """Parameters of ``lraspp-mobilenet-v3-large``."""

    network: ClassVar[str] = "lraspp-mobilenet-v3-large"


PARAMS: tuple[type[NetworkParams], ...] = (
    FcnResNet50Params,
    FcnResNet101Params,
    DeepLabResNet50Params,
    DeepLabResNet101Params,
    DeepLabMobileNetParams,
    LrasppMobileNetParams,
)
"""One per loss of torchvision's networks."""

HED_TAPS = {
    name: path
    for name, path in vgg_tap_paths(vgg_layer_kinds(VGG16_CONVS)).items()
    if name != "pool5"
}
"""VGG16's layers up to ``relu5_3``: HED has no fifth pooling."""


class HedParams(FeatureParams):
    """Parameters of ``hed-vgg16``; taps ``conv1_1`` to ``relu5_3``."""

    network: ClassVar[str] = "hed-vgg16"
    tap: str | None = Field("relu5_3", **_TAP)

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """VGG16's exact names and module paths."""
        return {*HED_TAPS, *HED_TAPS.values(), "features"}
