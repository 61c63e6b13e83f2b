"""The plugin ``selfsupervised``: one loss per encoder, and ``timm-vit``. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from srbench.contract import BuildContext, LossSpec, hookimpl
from srbench.contract.params import FeatureParams
from srbench.contract.weightfile import UNPINNED
from srbench_selfsupervised.encoders import ENCODERS
from srbench_selfsupervised.params import TimmVitParams

if TYPE_CHECKING:
    from torch import nn


def build_encoder(ctx: BuildContext, params: FeatureParams) -> nn.Module:
    """Build the loss of one encoder."""
    from srbench_selfsupervised.build import build_encoder_loss

    return build_encoder_loss(ctx, params)


def build_timm_vit(ctx: BuildContext, params: TimmVitParams) -> nn.Module:
    """Build the loss of any of timm's ViTs."""
    from srbench_selfsupervised.build import build_timm_vit_loss

    return build_timm_vit_loss(ctx, params)


def resolve_timm_vit(params: TimmVitParams) -> LossSpec:
    """The spec of one model: its architecture and weights."""
    file = params.weight_file
    return replace(
        TIMM_VIT,
        summary=f"features of timm's {params.model}, tokens reshaped to maps",
        backbone=params.architecture,
        pretrained_on=f"timm's tag {params.model.partition('.')[2]!r}",
        weights=(file,),
        license=f"code Apache-2.0 (timm); weights: {file.license}",
        paper=f"https://huggingface.co/timm/{params.model}",
        known_failures={"weights-declared": UNPINNED},
    )


TIMM_VIT = LossSpec(
    name="timm-vit",
    version=1,
    summary="features of any of timm's ViTs, tokens reshaped to maps, named by parameter",
    task="self-supervised",
    backbone="any",
    pretrained_on="depends on the model",
    params=TimmVitParams,
    build=build_timm_vit,
    resolve=resolve_timm_vit,
    license="code Apache-2.0 (timm); weights: each model's own, commercial use is not implied",
    paper="https://github.com/huggingface/pytorch-image-models",
)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """The losses of this plugin."""
    return [*(encoder.spec(build_encoder) for encoder in ENCODERS.values()), TIMM_VIT]
