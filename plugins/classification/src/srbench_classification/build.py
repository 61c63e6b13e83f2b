"""From a network's data to its frozen loss. Needs torch: imported inside the factories only."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from srbench.contract import BuildContext
from srbench.contract.features import FeatureLoss, load_weights
from srbench_classification.networks import NETWORKS, Network
from srbench_classification.params import NetworkParams
from srbench_classification.weights import densenet_names


def build_network_loss(ctx: BuildContext, params: NetworkParams) -> FeatureLoss:
    """The loss of ``params.network``.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    network, pretrained = NETWORKS[params.network], params.pretrained
    # First the weights: without them nothing else is worth the time.
    state_dict = ctx.weights.state_dict(pretrained.file.id)
    if network.architecture.startswith("densenet"):
        state_dict = dict(densenet_names(state_dict))
    module = empty_network(network)
    load_weights(module, state_dict, weight_id=pretrained.file.id, ignore=network.ignore)
    return FeatureLoss(
        module,
        params.tap_weights,
        normalize=(pretrained.mean, pretrained.std),
        distance=params.distance,
        before_activation=params.before_activation,
        feature_scale=params.feature_scale,
        min_size=network.min_size,
        names=network.names,
    )


def empty_network(network: Network) -> nn.Module:
    """The network on the ``meta`` device: no memory, no initialisation, no random number drawn."""
    with torch.device("meta"):
        if network.library == "timm":
            import timm  # a second of imports, which a network of torchvision does not need

            module: nn.Module = timm.create_model(network.architecture, pretrained=False)
        else:
            import torchvision

            module = torchvision.models.get_model(
                network.architecture, weights=None, **network.options
            )
    if not network.features_only:
        return module
    return nn.Sequential(OrderedDict(features=module.get_submodule("features")))
