"""The plugin ``detection``: one loss per detector. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from srbench.contract import BuildContext, LossSpec, hookimpl
from srbench.contract.known_weights import CRAFT_VGG16_BN
from srbench_detection.networks import NETWORKS
from srbench_detection.params import PARAMS, CraftParams, NetworkParams
from srbench_detection.weights import LICENSE

if TYPE_CHECKING:
    from torch import nn


def build_network(ctx: BuildContext, params: NetworkParams) -> nn.Module:
    """Build the loss of one of torchvision's detectors."""
    from srbench_detection.build import build_network_loss

    return build_network_loss(ctx, params)


def build_craft(ctx: BuildContext, params: CraftParams) -> nn.Module:
    """Build the loss of CRAFT's VGG16_BN."""
    from srbench_detection.build import build_craft_loss

    return build_craft_loss(ctx, params)


def _spec(params: type[NetworkParams]) -> LossSpec:
    network = NETWORKS[params.network]
    goal = "instance segmentation" if network.task == "instance-segmentation" else "detection"
    return LossSpec(
        name=params.network,
        version=1,
        summary=f"features of {network.title} trained for {goal}",
        task=network.task,
        backbone=network.backbone,
        pretrained_on="COCO train2017; backbone from ImageNet-1k",
        params=params,
        build=build_network,
        weights=(network.file,),
        min_size=network.min_size,
        license=LICENSE,
        paper=network.paper,
    )


CRAFT_LOSS = LossSpec(
    name="craft-vgg16-bn",
    version=1,
    summary="features of CRAFT's VGG16_BN trained for detecting text in scenes",
    task="detection",
    backbone="vgg16_bn",
    pretrained_on="SynthText, ICDAR 2013 and 2017 MLT; from ImageNet's VGG16_BN",
    params=CraftParams,
    build=build_craft,
    weights=(CRAFT_VGG16_BN,),
    min_size=16,
    license="MIT; commercial use allowed; its training images have terms of their own",
    paper="https://arxiv.org/abs/1904.01941",
)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """The losses of this plugin."""
    return [*(_spec(params) for params in PARAMS), CRAFT_LOSS]
