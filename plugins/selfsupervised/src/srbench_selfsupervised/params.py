"""What a suite may set of each loss. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, ClassVar

from pydantic import Field, field_validator

from srbench.contract import WeightFile
from srbench.contract.architectures import RESNET50_BLOCKS, resnet_modules
from srbench.contract.params import FeatureParams
from srbench_selfsupervised.encoders import ENCODERS, timm_file

_TAP: Any = {"description": "the layer whose features are compared"}
_MODEL = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")

NORM = "norm"
"""The tap after a ViT's last normalisation, which is what its head receives."""


class EncoderParams(FeatureParams):
    """Base of the parameters of one encoder's loss; ``network`` is a key of ``ENCODERS``."""


class VitParams(EncoderParams):
    """Base for ViTs; taps ``block1`` to ``block12`` and ``norm``, tokens reshaped to maps."""

    tap: str | None = Field(NORM, **_TAP)

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """The blocks, and the normalisation after the last."""
        return {NORM, *(f"block{k + 1}" for k in range(ENCODERS[cls.network].blocks))}


class Dinov2Small14Params(VitParams):
    """Parameters of ``dinov2-vit-small14``."""

    network: ClassVar[str] = "dinov2-vit-small14"


class Dinov2Base14Params(VitParams):
    """Parameters of ``dinov2-vit-base14``."""

    network: ClassVar[str] = "dinov2-vit-base14"


class DinoSmall16Params(VitParams):
    """Parameters of ``dino-vit-small16``."""

    network: ClassVar[str] = "dino-vit-small16"


class DinoResNet50Params(EncoderParams):
    """Parameters of ``dino-resnet50``; taps as in ``resnet50``."""

    network: ClassVar[str] = "dino-resnet50"
    tap: str | None = Field("layer4", **_TAP)

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """torchvision's module paths."""
        return resnet_modules(RESNET50_BLOCKS)


class MaeBase16Params(VitParams):
    """Parameters of ``mae-vit-base16``."""

    network: ClassVar[str] = "mae-vit-base16"


class FcmaeConvNextParams(EncoderParams):
    """Parameters of ``fcmae-convnextv2-tiny``; taps are timm's module paths (``stages.3``)."""

    network: ClassVar[str] = "fcmae-convnextv2-tiny"
    tap: str | None = Field("stages.3", **_TAP)


class ClipBase16Params(VitParams):
    """Parameters of ``clip-vit-base16``."""

    network: ClassVar[str] = "clip-vit-base16"


class ClipResNet50Params(EncoderParams):
    """Parameters of ``clip-resnet50``; taps are timm's module paths (``stages.3``)."""

    network: ClassVar[str] = "clip-resnet50"
    tap: str | None = Field("stages.3", **_TAP)


PARAMS: tuple[type[EncoderParams], ...] = (
    Dinov2Small14Params,
    Dinov2Base14Params,
    DinoSmall16Params,
    DinoResNet50Params,
    MaeBase16Params,
    FcmaeConvNextParams,
    ClipBase16Params,
    ClipResNet50Params,
)
"""One per named encoder."""


class TimmVitParams(FeatureParams):
    """Parameters of ``timm-vit``. Only the built model knows how many blocks it has."""

    network: ClassVar[str] = "timm-vit"
    tap: str | None = Field(NORM, **_TAP)
    model: str = Field(
        "vit_small_patch14_reg4_dinov2.lvd142m",
        description="timm's name with its tag, as timm.list_pretrained('vit_*') gives it",
    )

    @field_validator("model")
    @classmethod
    def _with_tag(cls, model: str) -> str:
        # Without a tag the weights would depend on the installed timm's default.
        if not _MODEL.fullmatch(model):
            raise ValueError(
                "expected a timm model with its pretrained tag, such as "
                "'vit_small_patch14_reg4_dinov2.lvd142m'"
            )
        return model

    @property
    def architecture(self) -> str:
        """The model's name without the tag."""
        return self.model.partition(".")[0]

    @property
    def weight_file(self) -> WeightFile:
        """The model's file on the hub."""
        license_ = f"see https://huggingface.co/timm/{self.model}; commercial use is not implied"
        return timm_file(f"timm-{self.model}", self.model, license_)
