"""Losses of the literature that are not a network's task: their specs; torch-free."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from srbench.contract import BuildContext, LossSpec
from srbench.contract.known_weights import VGG16_IMAGENET
from srbench.contract.params import FeatureParams, feature_params
from srbench.contract.taps import VGG16_CONVS, unknown_tap, vgg_taps

if TYPE_CHECKING:
    from torch import nn

_VGG16_TAPS = frozenset(vgg_taps(VGG16_CONVS))
_GRAM_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


GramParams = feature_params("gram", tap=dict.fromkeys(_GRAM_TAPS, 1.0), known=_VGG16_TAPS)
"""VGG16's taps, by default one in each of the first four blocks."""


class ContextualParams(BaseModel):
    """Parameters of ``contextual``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tap: str = Field("relu3_2", description="the layer of VGG16 whose features are matched")
    bandwidth: Annotated[float, Field(gt=0, le=10)] = Field(
        0.5, description="the paper's h; smaller is stricter"
    )

    @field_validator("tap")
    @classmethod
    def _known_tap(cls, tap: str) -> str:
        if tap not in _VGG16_TAPS:
            raise unknown_tap("contextual", tap, _VGG16_TAPS)
        return tap


class FocalFrequencyParams(BaseModel):
    """Parameters of ``focal-frequency``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: Annotated[float, Field(ge=0, le=10)] = Field(
        1.0, description="how much the worst frequencies stand out"
    )


class WaveletParams(BaseModel):
    """Parameters of ``wavelet-l1``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    levels: Annotated[int, Field(ge=1, le=4)] = Field(
        2, description="how often the frequencies are halved"
    )
    approximation: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.1, description="weight of the frequencies below the last level"
    )


class RandomParams(FeatureParams):
    """Parameters of ``random``. Only the built network knows its taps."""

    network: ClassVar[str] = "random"
    tap: str | None = Field("layer4", description="a module path of the network")
    architecture: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")] = Field(
        "resnet50", description="what the library calls the network"
    )
    library: Literal["torchvision", "timm"] = Field("torchvision", description="where it is from")
    min_size: Annotated[int, Field(ge=1, le=512)] = Field(
        32, description="smallest side of an image that the tap takes, in pixels"
    )


def build_gram(ctx: BuildContext, params: FeatureParams) -> nn.Module:
    """Distance of Gram matrices in VGG16."""
    from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD
    from srbench.controls.gram import GramLoss

    return GramLoss.from_params(
        _vgg16(ctx), params, normalize=(IMAGENET_MEAN, IMAGENET_STD), min_size=32
    )


def build_contextual(ctx: BuildContext, params: ContextualParams) -> nn.Module:
    """Contextual loss of VGG16's features."""
    from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD
    from srbench.controls.contextual import ContextualLoss

    return ContextualLoss(
        _vgg16(ctx),
        params.tap,
        normalize=(IMAGENET_MEAN, IMAGENET_STD),
        bandwidth=params.bandwidth,
        min_size=32,
    )


def build_focal_frequency(ctx: BuildContext, params: FocalFrequencyParams) -> nn.Module:
    """Focal frequency loss of the pixels."""
    from srbench.controls.focal_frequency import FocalFrequencyLoss

    return FocalFrequencyLoss(params.alpha)


def build_fft_l1(ctx: BuildContext, params: None) -> nn.Module:
    """L1 of the spectra of the pixels."""
    from srbench.controls.artefacts import fft_l1
    from srbench.controls.pixel import PixelLoss

    return PixelLoss(fft_l1)


def build_wavelet_l1(ctx: BuildContext, params: WaveletParams) -> nn.Module:
    """L1 of the wavelet bands of the pixels."""
    from functools import partial

    from srbench.controls.artefacts import wavelet_l1
    from srbench.controls.pixel import PixelLoss

    return PixelLoss(partial(wavelet_l1, levels=params.levels, approximation=params.approximation))


def build_ldl(ctx: BuildContext, params: None) -> nn.Module:
    """L1 of the pixels, weighed by a map of artefacts."""
    from srbench.controls.artefacts import ldl
    from srbench.controls.pixel import PixelLoss

    return PixelLoss(ldl)


def build_random(ctx: BuildContext, params: RandomParams) -> nn.Module:
    """Features of any architecture under weights drawn from the run's seed."""
    from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD, FeatureLoss
    from srbench.controls.random_network import random_network

    return FeatureLoss.from_params(
        random_network(params.architecture, ctx.seed, params.library),
        params,
        normalize=(IMAGENET_MEAN, IMAGENET_STD),
        min_size=params.min_size,
    )


def _vgg16(ctx: BuildContext) -> nn.Module:
    import torch

    from srbench.contract.architectures import torchvision_features
    from srbench.contract.loading import load_weights

    state = ctx.weights.state_dict(VGG16_IMAGENET.id)
    with torch.device("meta"):
        network = torchvision_features("vgg16")
    load_weights(network, state, weight_id=VGG16_IMAGENET.id, ignore=("classifier.",))
    return network


def resolve_random(params: RandomParams) -> LossSpec:
    """The spec of one architecture."""
    return replace(
        RANDOM,
        summary=f"control: {params.architecture} with random weights drawn from the run's seed",
        backbone=params.architecture,
        min_size=params.min_size,
    )


_VGG16_LICENSE = (
    "Apache-2.0 code, BSD-3-Clause weights; commercial use allowed; trained on ImageNet, whose "
    "images have terms of their own"
)
_NO_WEIGHTS = "Apache-2.0; no pretrained weights; commercial use allowed"

RANDOM = LossSpec(
    name="random",
    version=1,
    summary="control: any architecture with random weights drawn from the run's seed",
    task="none",
    backbone="resnet50",
    params=RandomParams,
    build=build_random,
    resolve=resolve_random,
    min_size=32,
    license=_NO_WEIGHTS,
    paper="https://arxiv.org/abs/1512.03385",
)

CLASSICS = (
    LossSpec(
        name="gram",
        version=1,
        summary="Gram (style) loss: which features of VGG16 occur together, wherever they are",
        task="classification",
        backbone="vgg16",
        pretrained_on="ImageNet-1k (ILSVRC 2012)",
        params=GramParams,
        build=build_gram,
        weights=(VGG16_IMAGENET,),
        min_size=32,
        shares_network_with=("dists", "lpips-vgg"),
        license=_VGG16_LICENSE,
        paper="https://arxiv.org/abs/1508.06576",
    ),
    LossSpec(
        name="contextual",
        version=1,
        summary="contextual loss: every HR feature of VGG16 is met by some SR feature, anywhere",
        task="classification",
        backbone="vgg16",
        pretrained_on="ImageNet-1k (ILSVRC 2012)",
        params=ContextualParams,
        build=build_contextual,
        weights=(VGG16_IMAGENET,),
        min_size=32,
        shares_network_with=("dists", "lpips-vgg"),
        license=_VGG16_LICENSE,
        paper="https://arxiv.org/abs/1803.02077",
    ),
    LossSpec(
        name="focal-frequency",
        version=1,
        summary="focal frequency loss: spectra of the pixels, the worst frequencies counting most",
        task="pixel",
        backbone="none",
        params=FocalFrequencyParams,
        build=build_focal_frequency,
        license=_NO_WEIGHTS,
        paper="https://arxiv.org/abs/2012.12821",
    ),
    LossSpec(
        name="fft-l1",
        version=1,
        summary="mean absolute difference of the spectra of the pixels",
        task="pixel",
        backbone="none",
        build=build_fft_l1,
        license=_NO_WEIGHTS,
        paper="https://arxiv.org/abs/2108.05054",
    ),
    LossSpec(
        name="wavelet-l1",
        version=1,
        summary="mean absolute differences of the Haar wavelet bands of the pixels",
        task="pixel",
        backbone="none",
        params=WaveletParams,
        build=build_wavelet_l1,
        license=_NO_WEIGHTS,
        paper="https://arxiv.org/abs/2402.19215",
    ),
    LossSpec(
        name="ldl",
        version=1,
        summary="LDL's artefact loss: L1 of the pixels where the residual varies, without its EMA",
        task="pixel",
        backbone="none",
        build=build_ldl,
        license=_NO_WEIGHTS,
        min_size=4,
        paper="https://arxiv.org/abs/2203.09195",
    ),
    RANDOM,
)
"""Gram, contextual, frequencies, wavelets, artefacts, and random weights of any backbone."""
