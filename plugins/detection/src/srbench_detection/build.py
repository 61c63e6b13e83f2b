"""From a network's data to its frozen loss. Needs torch: imported inside the factories only."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torchvision
from torch import nn

from srbench.contract import BuildContext
from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD, FeatureLoss, load_weights
from srbench.contract.known_weights import CRAFT_VGG16_BN
from srbench_detection.networks import NETWORKS, Network
from srbench_detection.params import CraftParams, NetworkParams
from srbench_detection.taps import CRAFT


def build_network_loss(ctx: BuildContext, params: NetworkParams) -> FeatureLoss:
    """The loss of torchvision's ``params.network``.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    network = NETWORKS[params.network]
    state = ctx.weights.state_dict(network.file.id)
    backbone = empty_backbone(network)
    kept = {
        name.removeprefix("backbone."): tensor
        for name, tensor in state.items()
        if name.startswith("backbone.")
    }
    load_weights(backbone, kept, weight_id=network.file.id)
    return FeatureLoss(
        backbone,
        params.tap_weights,
        normalize=(network.mean, network.std),
        distance=params.distance,
        before_activation=params.before_activation,
        feature_scale=params.feature_scale,
        min_size=network.min_size,
        names=network.taps(),
    )


def empty_backbone(network: Network) -> nn.Module:
    """torchvision's backbone with its pyramid on the ``meta`` device, without the heads."""
    with torch.device("meta"):
        model = torchvision.models.get_model(
            network.architecture, weights=None, weights_backbone=None
        )
    backbone: nn.Module = model.backbone
    if network.frozen_norm_epsilon is not None:
        for module in backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = network.frozen_norm_epsilon
    return backbone


def build_craft_loss(ctx: BuildContext, params: CraftParams) -> FeatureLoss:
    """The loss of CRAFT's VGG16_BN.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    state = ctx.weights.state_dict(CRAFT_VGG16_BN.id)
    with torch.device("meta"):
        features = torchvision.models.vgg16_bn(weights=None).features[: len(CRAFT)]
    network = nn.Sequential(OrderedDict(features=features))
    load_weights(network, state, weight_id=CRAFT_VGG16_BN.id)
    return FeatureLoss(
        network,
        params.tap_weights,
        normalize=(IMAGENET_MEAN, IMAGENET_STD),
        distance=params.distance,
        before_activation=params.before_activation,
        feature_scale=params.feature_scale,
        min_size=16,
    )
