"""From an encoder's data to its frozen loss. Needs torch: imported inside the factories only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.contract.features import FeatureLoss, Normalize, fold_network, load_weights
from srbench.contract.params import FeatureParams
from srbench.errors import unknown_name
from srbench_selfsupervised.encoders import ENCODERS, dynamic_vit
from srbench_selfsupervised.params import TimmVitParams
from srbench_selfsupervised.token_maps import TokenMaps


class PaddedNormalize(Normalize):
    """Normalises, then repeats the edge at the right and the bottom.

    Args:
        mean: as for :class:`~srbench.contract.features.Normalize`.
        std: likewise.
        multiple: of which the sides become multiples.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], multiple: int) -> None:
        super().__init__(mean, std)
        self.multiple = multiple

    def forward(self, images: Tensor) -> Tensor:
        """``images``: ``(N, 3, H, W)``, RGB in [0, 1]."""
        height, width = images.shape[-2:]
        padding = (0, -width % self.multiple, 0, -height % self.multiple)
        return F.pad(super().forward(images), padding, mode="replicate")


class Float32(nn.Module):
    """A network that computes in float32 whatever autocast says."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """As the network's."""
        with torch.autocast(images.device.type, enabled=False):
            output: Tensor = self.network(images)
        return output


def build_encoder_loss(ctx: BuildContext, params: FeatureParams) -> FeatureLoss:
    """The loss of the encoder ``params.network``.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    encoder = ENCODERS[params.network]
    pretrained = encoder.chosen(params)
    state = ctx.weights.state_dict(pretrained.file.id)
    model: nn.Module = encoder.empty()
    load_weights(model, state, weight_id=pretrained.file.id, ignore=encoder.ignore)
    mean, std = pretrained.mean, pretrained.std
    if encoder.vit:
        return _token_loss(model, params, (mean, std), encoder.patch)
    fold_network(model, encoder, params)
    model = Float32(model) if encoder.float32 else model
    return FeatureLoss.from_params(
        model,
        params,
        normalize=PaddedNormalize(mean, std, encoder.patch),
        min_size=encoder.min_size,
        names={tap: f"network.{tap}" for tap in params.tap_weights} if encoder.float32 else None,
    )


def build_timm_vit_loss(ctx: BuildContext, params: TimmVitParams) -> FeatureLoss:
    """The loss of any of timm's ViTs; input range as in its pretrained configuration.

    Raises:
        UnknownName: a model or tap that the installed timm does not have.
        UserError: a model that is no ViT of one patch size.
        WeightsError: its weights cannot be had, or do not fit.
    """
    if not timm.is_model(params.architecture) or not timm.is_model_pretrained(params.model):
        raise unknown_name(
            "timm model with pretrained weights",
            params.model,
            timm.list_pretrained("vit_*"),
            f"timm {timm.__version__} is installed; timm.list_pretrained() lists its models",
        )
    file = params.weight_file
    state = ctx.weights.state_dict(file.id)
    # Not on `meta`: some compute constants. Their initialisation must not move the random state.
    with torch.random.fork_rng(devices=[]):
        model = dynamic_vit(params.model)
    load_weights(model, state, weight_id=file.id)
    config: Any = model.pretrained_cfg
    patch: Any = model.patch_embed
    return _token_loss(model, params, (config["mean"], config["std"]), int(patch.patch_size[0]))


def _token_loss(
    model: nn.Module,
    params: FeatureParams,
    input_range: tuple[Sequence[float], Sequence[float]],
    patch: int,
) -> FeatureLoss:
    maps = TokenMaps(model, params.tap_weights, patch)
    normalize = Normalize(*input_range)
    return FeatureLoss.from_params(maps, params, normalize=normalize, names=maps.tap_paths)
