"""``timm``: any model of the library with feature maps, named in the suite. Torch-free."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from srbench.contract import HubSource, WeightFile
from srbench.contract.params import FeatureParams

LAST = "last"
"""The tap that stands for the last entry of the model's own ``feature_info``."""

_MODEL = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")


class TimmParams(FeatureParams):
    """Parameters of ``timm``.

    Taps are called as the model's modules (``layer3``, ``stages.2``). Only timm knows them, and
    importing timm imports torch: an unknown tap or model is reported when the loss is built.
    """

    network: ClassVar[str] = "timm"

    model: str = Field(
        "resnet50.a1_in1k",
        description="timm's name with its pretrained tag, as timm.list_pretrained() gives it",
    )
    tap: str | None = Field(
        LAST, description="a module path, or 'last': the last of the model's own feature maps"
    )
    task: Literal["classification", "self-supervised", "segmentation", "detection"] = Field(
        "classification", description="what these weights were trained for; shown in the tables"
    )

    @field_validator("model")
    @classmethod
    def _with_tag(cls, model: str) -> str:
        # Without a tag the weights would depend on the installed timm's default.
        if not _MODEL.fullmatch(model):
            raise ValueError(
                "expected a timm model with its pretrained tag, such as 'resnet50.a1_in1k' "
                "(timm.list_pretrained() lists them)"
            )
        return model

    @property
    def architecture(self) -> str:
        """The model's name without the tag."""
        return self.model.partition(".")[0]

    @property
    def tag(self) -> str:
        """Which of the architecture's weights."""
        return self.model.partition(".")[2]

    @property
    def weight_file(self) -> WeightFile:
        """The model's repository on the hub, where timm itself would look.

        Nothing pins the file's hash: the tensors' hash is measured when they are loaded, and goes
        into the record.
        """
        return WeightFile(
            id=f"timm-{self.model}",
            license=f"see https://huggingface.co/timm/{self.model}; commercial use is not implied",
            sources=(HubSource(repo=f"timm/{self.model}", filename="model.safetensors"),),
        )
