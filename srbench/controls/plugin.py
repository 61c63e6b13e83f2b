"""The plugin ``controls``: losses that say what the others are to be compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from srbench.contract import BuildContext, LossSpec, hookimpl
from srbench.contract.params import FeatureParams, feature_params
from srbench.contract.taps import VGG16_CONVS, vgg_taps
from srbench.controls.classics import CLASSICS

if TYPE_CHECKING:
    from torch import nn

RandomVgg16Params = feature_params("vgg16", tap="pool5", known=vgg_taps(VGG16_CONVS))
"""Those of ``vgg16``, with the same defaults."""


class CharbonnierParams(BaseModel):
    """Parameters of ``charbonnier``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epsilon: Annotated[float, Field(gt=0, le=1)] = Field(
        1e-3, description="rounding of the L1's corner, in units of [0, 1] images"
    )


def build_l1(ctx: BuildContext, params: None) -> nn.Module:
    """Mean absolute error of the pixels."""
    from srbench.controls import pixel

    return pixel.l1()


def build_l2(ctx: BuildContext, params: None) -> nn.Module:
    """Mean squared error of the pixels."""
    from srbench.controls import pixel

    return pixel.l2()


def build_charbonnier(ctx: BuildContext, params: CharbonnierParams) -> nn.Module:
    """A smooth L1 of the pixels."""
    from srbench.controls import pixel

    return pixel.PixelLoss(pixel.Charbonnier(params.epsilon))


def build_vgg16_random(ctx: BuildContext, params: FeatureParams) -> nn.Module:
    """VGG16 features under weights drawn from the run's seed."""
    from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD, FeatureLoss
    from srbench.controls.random_vgg import random_vgg16

    return FeatureLoss.from_params(
        random_vgg16(ctx.seed), params, normalize=(IMAGENET_MEAN, IMAGENET_STD), min_size=32
    )


_LICENSE = "Apache-2.0; no pretrained weights; commercial use allowed"

_CONTROLS = (
    LossSpec(
        name="l1",
        version=1,
        summary="control: mean absolute error of the pixels",
        task="pixel",
        backbone="none",
        build=build_l1,
        license=_LICENSE,
    ),
    LossSpec(
        name="l2",
        version=1,
        summary="control: mean squared error of the pixels, which is what PSNR measures",
        task="pixel",
        backbone="none",
        build=build_l2,
        license=_LICENSE,
        trains_on_metrics=("psnr",),
    ),
    LossSpec(
        name="charbonnier",
        version=1,
        summary="control: smooth L1 of the pixels",
        task="pixel",
        backbone="none",
        params=CharbonnierParams,
        build=build_charbonnier,
        license=_LICENSE,
        paper="https://arxiv.org/abs/1704.03915",
    ),
    LossSpec(
        name="vgg16-random",
        version=1,
        summary="control: VGG16 with random weights drawn from the run's seed",
        task="none",
        backbone="vgg16",
        params=RandomVgg16Params,
        build=build_vgg16_random,
        license=_LICENSE,
        min_size=32,
        paper="https://arxiv.org/abs/1409.1556",
    ),
)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """The control losses, and the classics of the literature."""
    return (*_CONTROLS, *CLASSICS)
