"""The plugin ``matched``: classifiers that other tasks' networks started from. Imports no torch.

``resnet50`` lines up with segmenters, detectors and self-supervised encoders of one architecture.
``vgg16-caffe`` is the VGG16 of its authors, from which SSD300 was trained, and HED most likely;
CRAFT's parent is ``vgg16-bn``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from srbench.contract import BuildContext, LossSpec, UrlSource, WeightFile, hookimpl
from srbench.contract.architectures import RESNET50_BLOCKS, resnet_modules
from srbench.contract.params import FeatureParams
from srbench_classification.params import Vgg16Params
from srbench_classification.plugin import build_network
from srbench_classification.weights import TORCHVISION_LICENSE, VGG16_FEATURES

if TYPE_CHECKING:
    from torch import nn

_FILES = "https://download.pytorch.org/models/"

RESNET50 = WeightFile(
    id="resnet50-imagenet",
    license=TORCHVISION_LICENSE,
    sources=(UrlSource(url=f"{_FILES}resnet50-0676ba61.pth"),),
    sha256_prefix="0676ba61",
    size=round(97.781 * 2**20),
)
RESNET50_V2 = WeightFile(
    id="resnet50-imagenet-v2",
    license=TORCHVISION_LICENSE,
    sources=(UrlSource(url=f"{_FILES}resnet50-11ad3fa6.pth"),),
    sha256_prefix="11ad3fa6",
    size=round(97.79 * 2**20),
)


class ResNet50Params(FeatureParams):
    """Parameters of ``resnet50``; taps are torchvision's module paths."""

    network: ClassVar[str] = "resnet50"
    tap: str | None = Field("layer4", description="the layer whose features are compared")
    weights: Literal["IMAGENET1K_V1", "IMAGENET1K_V2"] = Field(
        "IMAGENET1K_V1", description="which of torchvision's weights"
    )

    @classmethod
    def known_taps(cls) -> Collection[str]:
        """torchvision's module paths."""
        return resnet_modules(RESNET50_BLOCKS)

    @property
    def file(self) -> WeightFile:
        """The chosen weights."""
        return RESNET50 if self.weights == "IMAGENET1K_V1" else RESNET50_V2


class Vgg16CaffeParams(Vgg16Params):
    """Parameters of ``vgg16-caffe``: those of ``vgg16``, with one choice of weights."""

    weights: Literal["IMAGENET1K_FEATURES"] = Field(
        "IMAGENET1K_FEATURES", description="torchvision's port of the authors' weights"
    )


def build_resnet50(ctx: BuildContext, params: ResNet50Params) -> nn.Module:
    """Build the loss of ResNet-50."""
    import torch
    from torchvision.models import resnet50

    from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD, FeatureLoss, load_weights

    state = ctx.weights.state_dict(params.file.id)
    with torch.device("meta"):
        network = resnet50(weights=None)
    load_weights(network, state, weight_id=params.file.id)
    return FeatureLoss(
        network,
        params.tap_weights,
        normalize=(IMAGENET_MEAN, IMAGENET_STD),
        distance=params.distance,
        before_activation=params.before_activation,
        feature_scale=params.feature_scale,
    )


def resolve_resnet50(params: ResNet50Params) -> LossSpec:
    """The spec with the weights that ``params`` chooses."""
    return replace(RESNET50_LOSS, weights=(params.file,))


RESNET50_LOSS = LossSpec(
    name="resnet50",
    version=1,
    summary="features of ResNet-50 trained for ImageNet classification",
    task="classification",
    backbone="resnet50",
    pretrained_on="ImageNet-1k (ILSVRC 2012)",
    params=ResNet50Params,
    build=build_resnet50,
    resolve=resolve_resnet50,
    weights=(RESNET50,),
    license=TORCHVISION_LICENSE,
    paper="https://arxiv.org/abs/1512.03385",
)

VGG16_CAFFE_LOSS = LossSpec(
    name="vgg16-caffe",
    version=1,
    summary="features of its authors' VGG16 (Caffe) trained for ImageNet classification",
    task="classification",
    backbone="vgg16",
    pretrained_on="ImageNet-1k (ILSVRC 2012)",
    params=Vgg16CaffeParams,
    build=build_network,
    weights=(VGG16_FEATURES,),
    min_size=32,
    # LPIPS-VGG and DISTS have the same architecture, under torchvision's weights.
    shares_network_with=("dists", "lpips-vgg"),
    license=TORCHVISION_LICENSE,
    paper="https://arxiv.org/abs/1409.1556",
)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """ResNet-50, and the VGG16 of its authors."""
    return [RESNET50_LOSS, VGG16_CAFFE_LOSS]
