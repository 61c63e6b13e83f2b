"""From an encoder's data to its frozen loss. Needs torch: imported inside the factories only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.contract.features import FeatureLoss, Normalize, load_weights
from srbench.contract.params import FeatureParams
from srbench.errors import UserError, unknown_name
from srbench_selfsupervised.encoders import ENCODERS, Encoder
from srbench_selfsupervised.params import EncoderParams, TimmVitParams
from srbench_selfsupervised.token_maps import TokenMaps

_TORCHVISION = "resnet50"


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


def build_encoder_loss(ctx: BuildContext, params: EncoderParams) -> FeatureLoss:
    """The loss of the encoder ``params.network``.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    encoder = ENCODERS[params.network]
    state = ctx.weights.state_dict(encoder.file.id)
    model = empty_model(encoder)
    # DINO's file of ResNet-50 may hold a classifier that nothing was trained for.
    load_weights(model, state, weight_id=encoder.file.id, ignore=("fc.",))
    if encoder.float32:
        model = Float32(model)
    if not encoder.blocks:
        normalize = PaddedNormalize(encoder.mean, encoder.std, encoder.patch)
        names = {tap: f"network.{tap}" for tap in params.tap_weights} if encoder.float32 else None
        return _loss(model, params, normalize, min_size=32, names=names)
    maps = TokenMaps(model, params.tap_weights, encoder.patch)
    return _loss(maps, params, Normalize(encoder.mean, encoder.std), names=maps.tap_paths)


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
        model = _dynamic_vit(params.model)
    load_weights(model, state, weight_id=file.id)
    config: Any = model.pretrained_cfg
    patch: Any = model.patch_embed
    maps = TokenMaps(model, params.tap_weights, int(patch.patch_size[0]))
    normalize = Normalize(config["mean"], config["std"])
    return _loss(maps, params, normalize, names=maps.tap_paths)


def empty_model(encoder: Encoder) -> nn.Module:
    """The network without values, on the ``meta`` device; ResNet-50 without its classifier."""
    model: nn.Module
    with torch.device("meta"):
        if encoder.blocks:
            model = _dynamic_vit(encoder.model)
        elif encoder.model == _TORCHVISION:
            model = torchvision.models.resnet50(weights=None)
            model.fc = nn.Identity()
        else:
            model = timm.create_model(encoder.model, pretrained=False)
    return model


def _dynamic_vit(model: str) -> Any:
    try:
        network: Any = timm.create_model(model, pretrained=False, dynamic_img_size=True)
    except TypeError as error:
        raise UserError(
            f"expected a timm ViT that takes images of any size, got {model!r}: {error}",
            "the loss timm takes convolutional networks and hierarchical transformers",
        ) from error
    if not hasattr(network, "forward_intermediates") or not hasattr(network, "blocks"):
        raise UserError(f"expected a timm ViT, got {type(network).__name__} for {model!r}")
    return network


def _loss(
    network: nn.Module,
    params: FeatureParams,
    normalize: nn.Module,
    *,
    min_size: int = 1,
    names: Mapping[str, str] | None = None,
) -> FeatureLoss:
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
