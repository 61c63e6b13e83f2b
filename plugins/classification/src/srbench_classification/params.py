"""What a suite may set of each loss. Defaults reproduce the starting study."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Literal

from pydantic import Field

from srbench.contract.params import FeatureParams
from srbench_classification.networks import NETWORKS, Pretrained, known_taps

_TAP: Any = {"description": "the layer whose features are compared"}
_WEIGHTS: Any = {"description": "which of torchvision's weights"}


class NetworkParams(FeatureParams):
    """Base of the parameters of one network's loss; ``network`` is a key of ``NETWORKS``."""

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """The network's exact names and module paths."""
        return known_taps(cls.network)

    @property
    def pretrained(self) -> Pretrained:
        """The chosen weights."""
        choices = NETWORKS[self.network].pretrained
        tag: str | None = getattr(self, "weights", None)
        return choices[tag] if tag is not None else next(iter(choices.values()))


class Vgg16Params(NetworkParams):
    """Parameters of ``vgg16``; taps ``conv5_3``, ``relu5_3``, ``pool5``, ``features.28``."""

    network: ClassVar[str] = "vgg16"
    tap: str | None = Field("pool5", **_TAP)
    weights: Literal["IMAGENET1K_V1", "IMAGENET1K_FEATURES"] = Field("IMAGENET1K_V1", **_WEIGHTS)


class Vgg16BnParams(NetworkParams):
    """Parameters of ``vgg16-bn``; ``conv5_3`` is before the batch norm, ``bn5_3`` after it."""

    network: ClassVar[str] = "vgg16-bn"
    tap: str | None = Field("pool5", **_TAP)


class Vgg19Params(NetworkParams):
    """Parameters of ``vgg19``; the SRGAN paper's tap is ``conv5_4`` or ``relu5_4``."""

    network: ClassVar[str] = "vgg19"
    tap: str | None = Field("pool5", **_TAP)


class ResNet152Params(NetworkParams):
    """Parameters of ``resnet152``."""

    network: ClassVar[str] = "resnet152"
    tap: str | None = Field("layer4", **_TAP)
    weights: Literal["IMAGENET1K_V1", "IMAGENET1K_V2"] = Field("IMAGENET1K_V1", **_WEIGHTS)


class ResNext101Params(NetworkParams):
    """Parameters of ``resnext101-32x8d``."""

    network: ClassVar[str] = "resnext101-32x8d"
    tap: str | None = Field("layer4", **_TAP)
    weights: Literal["IMAGENET1K_V1", "IMAGENET1K_V2"] = Field("IMAGENET1K_V1", **_WEIGHTS)


class WideResNet101Params(NetworkParams):
    """Parameters of ``wide-resnet101-2``."""

    network: ClassVar[str] = "wide-resnet101-2"
    tap: str | None = Field("layer4", **_TAP)
    weights: Literal["IMAGENET1K_V1", "IMAGENET1K_V2"] = Field("IMAGENET1K_V1", **_WEIGHTS)


class DenseNet201Params(NetworkParams):
    """Parameters of ``densenet201``."""

    network: ClassVar[str] = "densenet201"
    tap: str | None = Field("features", **_TAP)


class InceptionV3Params(NetworkParams):
    """Parameters of ``inception-v3``."""

    network: ClassVar[str] = "inception-v3"
    tap: str | None = Field("Mixed_7c", **_TAP)


class AlexNetParams(NetworkParams):
    """Parameters of ``alexnet``; taps ``conv1`` to ``conv5``, ``relu1`` ..., ``pool5``."""

    network: ClassVar[str] = "alexnet"
    tap: str | None = Field("pool5", **_TAP)


class MobileNetV2Params(NetworkParams):
    """Parameters of ``mobilenet-v2``."""

    network: ClassVar[str] = "mobilenet-v2"
    tap: str | None = Field("features", **_TAP)
    weights: Literal["IMAGENET1K_V1", "IMAGENET1K_V2"] = Field("IMAGENET1K_V1", **_WEIGHTS)


class EfficientNetLite0Params(NetworkParams):
    """Parameters of ``efficientnet-lite0``; modules are called as in timm."""

    network: ClassVar[str] = "efficientnet-lite0"
    tap: str | None = Field("bn2", **_TAP)


PARAMS: tuple[type[NetworkParams], ...] = (
    Vgg16Params,
    Vgg16BnParams,
    ResNet152Params,
    DenseNet201Params,
    ResNext101Params,
    WideResNet101Params,
    InceptionV3Params,
    Vgg19Params,
    AlexNetParams,
    MobileNetV2Params,
    EfficientNetLite0Params,
)
"""One per loss: the seven of the starting study first."""
