"""What a suite may set of ``timm-vit``. Torch-free."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, field_validator

from srbench.contract import WeightFile
from srbench.contract.params import FeatureParams
from srbench_selfsupervised.encoders import NORM, timm_file

_MODEL = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")


class TimmVitParams(FeatureParams):
    """Parameters of ``timm-vit``. Only the built model knows how many blocks it has."""

    network: ClassVar[str] = "timm-vit"
    tap: str | None = Field(NORM, description="the layer whose features are compared")
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
