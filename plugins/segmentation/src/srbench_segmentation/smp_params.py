"""What a suite may set of the losses on networks of segmentation-models-pytorch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from srbench.contract import WeightFile
from srbench.contract.params import FeatureParams
from srbench.errors import unknown_name
from srbench_segmentation import smp_data
from srbench_segmentation.smp_data import Checkpoint
from srbench_segmentation.smp_table import REVISIONS

_TAP: Any = {"description": "the encoder's stage whose features are compared"}


class CheckpointParams(FeatureParams):
    """Base of the parameters of the hub's checkpoints."""

    checkpoints: ClassVar[Mapping[str, Checkpoint]] = {}
    stages: ClassVar[tuple[str, ...]] = smp_data.TRANSFORMER_STAGES

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """The encoder's stages."""
        return cls.stages

    @property
    def checkpoint(self) -> Checkpoint:
        """The chosen checkpoint."""
        variant: str = getattr(self, "variant")  # noqa: B009 - each subclass has its own choices
        return self.checkpoints[variant]


class SegformerParams(CheckpointParams):
    """Parameters of ``segformer``; taps ``stage2`` to ``stage5``."""

    network: ClassVar[str] = "segformer"
    checkpoints: ClassVar[Mapping[str, Checkpoint]] = smp_data.SEGFORMER
    tap: str | None = Field("stage5", **_TAP)
    variant: Literal["b0", "b1", "b2", "b3", "b4", "b5"] = Field(
        "b2", description="size of the encoder, a Mix Transformer"
    )


class UpernetParams(CheckpointParams):
    """Parameters of ``upernet``; taps ``stage2`` to ``stage5``."""

    network: ClassVar[str] = "upernet"
    checkpoints: ClassVar[Mapping[str, Checkpoint]] = smp_data.UPERNET
    tap: str | None = Field("stage5", **_TAP)
    variant: Literal[
        "convnext-tiny",
        "convnext-small",
        "convnext-base",
        "convnext-large",
        "convnext-xlarge",
        "swin-tiny",
        "swin-small",
        "swin-large",
    ] = Field("convnext-tiny", description="the encoder")


class DptParams(CheckpointParams):
    """Parameters of ``dpt``; taps ``stage1`` to ``stage4``, after every sixth of 24 blocks."""

    network: ClassVar[str] = "dpt"
    checkpoints: ClassVar[Mapping[str, Checkpoint]] = smp_data.DPT
    stages: ClassVar[tuple[str, ...]] = smp_data.DPT_STAGES
    tap: str | None = Field("stage4", **_TAP)
    variant: Literal["large"] = Field("large", description="size of the encoder, a ViT")


CHECKPOINTS: tuple[type[CheckpointParams], ...] = (SegformerParams, UpernetParams, DptParams)


class SmpEncoderParams(FeatureParams):
    """Parameters of ``smp-encoder``; taps ``stage1`` to ``stage5``."""

    network: ClassVar[str] = "smp-encoder"
    tap: str | None = Field("stage5", **_TAP)
    encoder: str = Field("resnet50", description="the library's name of the encoder")
    weights: str = Field("imagenet", description="the library's name of the weights")

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """The encoder's stages."""
        return smp_data.STAGES

    @model_validator(mode="after")
    def _known_weights(self) -> Self:
        pair = (self.encoder, self.weights)
        if pair not in REVISIONS:
            known = [f"{encoder} with {weights}" for encoder, weights in REVISIONS]
            raise unknown_name(
                "smp encoder with weights",
                f"{self.encoder} with {self.weights}",
                known,
                "encoders called tu-* are timm's: the loss timm takes those",
            )
        if self.encoder.startswith("mit_") and "stage1" in self.tap_weights:
            raise ValueError("expected stage2 to stage5 for this encoder, it has no stage1")
        return self

    @property
    def weight_file(self) -> WeightFile:
        """The chosen weights."""
        return smp_data.encoder_file(self.encoder, self.weights)
