"""From a network's data to its frozen loss. Needs torch: imported inside the factories only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
import torchvision
from torch import Tensor, nn

from srbench.contract import BuildContext
from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD, FeatureLoss, load_weights
from srbench.contract.known_weights import HED_VGG16
from srbench.contract.params import FeatureParams
from srbench_segmentation.networks import NETWORKS, Network, tap_paths
from srbench_segmentation.params import HED_TAPS, HedParams, NetworkParams

HED_MEAN_BGR = (104.00699, 116.66877, 122.67892)
"""What HED subtracts, in units of 0 to 255."""


def build_network_loss(ctx: BuildContext, params: NetworkParams) -> FeatureLoss:
    """The loss of torchvision's ``params.network``.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    network = NETWORKS[params.network]
    state = ctx.weights.state_dict(network.file.id)
    encoder = empty_encoder(network)
    load_weights(encoder, without_prefix(state, "backbone."), weight_id=network.file.id)
    return feature_loss(
        encoder, params, (IMAGENET_MEAN, IMAGENET_STD), names=tap_paths(network.backbone)
    )


def empty_encoder(network: Network) -> nn.Module:
    """torchvision's encoder on the ``meta`` device, without classifier and decoder."""
    with torch.device("meta"):
        model = torchvision.models.get_model(
            network.architecture, weights=None, weights_backbone=None
        )
    encoder: nn.Module = model.backbone
    return encoder


def build_hed_loss(ctx: BuildContext, params: HedParams) -> FeatureLoss:
    """The loss of HED's VGG16.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    state = ctx.weights.state_dict(HED_VGG16.id)
    with torch.device("meta"):
        features = torchvision.models.vgg16(weights=None).features[: len(HED_TAPS)]
    network = nn.Sequential(OrderedDict(features=features))
    load_weights(network, state, weight_id=HED_VGG16.id)
    return feature_loss(network, params, HedRange(), min_size=16)


class HedRange(nn.Module):
    """RGB in [0, 1] to HED's input: BGR, 0 to 255, minus the mean."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean = torch.tensor(HED_MEAN_BGR).view(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """``images``: ``(N, 3, H, W)``, RGB in [0, 1]."""
        return images.flip(1) * 255 - self.mean


def feature_loss(
    network: nn.Module,
    params: FeatureParams,
    normalize: tuple[tuple[float, ...], tuple[float, ...]] | nn.Module,
    *,
    min_size: int = 1,
    names: Mapping[str, str] | None = None,
) -> FeatureLoss:
    """A :class:`FeatureLoss` as ``params`` ask for it."""
    return FeatureLoss(
        network,
        params.tap_weights,
        normalize=normalize,
        distance=params.distance,
        before_activation=params.before_activation,
        feature_scale=params.feature_scale,
        min_size=min_size,
        names=names,
    )


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries under ``prefix``, without it; the others belong to the decoder."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
