"""Losses on networks of segmentation-models-pytorch. Needs torch: imported in factories only."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from segmentation_models_pytorch import encoders as library
from segmentation_models_pytorch.encoders.timm_vit import TimmViTEncoder
from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.contract.features import FeatureLoss, load_weights
from srbench.errors import WeightsError
from srbench_segmentation.smp_data import (
    STAGES,
    TRANSFORMER_STAGES,
    Checkpoint,
    encoder_range,
)
from srbench_segmentation.smp_params import CheckpointParams, SmpEncoderParams

_MIN_SIZE = 32


class StageMaps(nn.Module):
    """An encoder that gives a list of feature maps, with one module to tap for each.

    Args:
        encoder: gives ``(N, C, h, w)`` maps, or a tuple of those and something else.
        stages: names of the maps that the encoder gives last.
        multiple: images are padded at the right and the bottom, by repeating the edge, until their
            sides are multiples of this.
    """

    def __init__(self, encoder: nn.Module, stages: Sequence[str], multiple: int = 1) -> None:
        super().__init__()
        self.encoder = encoder
        self.stages = nn.ModuleDict({stage: nn.Identity() for stage in stages})
        self.multiple = multiple

    def forward(self, images: Tensor) -> None:
        """Hand each map to its module; the taps read them there."""
        height, width = images.shape[-2:]
        padding = (0, -width % self.multiple, 0, -height % self.multiple)
        maps = self.encoder(F.pad(images, padding, mode="replicate"))
        maps = maps[0] if isinstance(maps, tuple) else maps
        for stage, features in zip(
            self.stages.values(), maps[len(maps) - len(self.stages) :], strict=True
        ):
            stage(features)


def build_checkpoint_loss(ctx: BuildContext, params: CheckpointParams) -> FeatureLoss:
    """The loss of a checkpoint of the library's hub.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    checkpoint = params.checkpoint
    state = ctx.weights.state_dict(checkpoint.file.id)
    network = StageMaps(empty_encoder(checkpoint), params.stages, checkpoint.multiple)
    kept = {name: tensor for name, tensor in state.items() if name.startswith("encoder.")}
    load_weights(network, kept, weight_id=checkpoint.file.id)
    return _loss(network, params, checkpoint.input_range)


def build_encoder_loss(ctx: BuildContext, params: SmpEncoderParams) -> FeatureLoss:
    """The loss of any encoder of the library that has weights of its own.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    file = params.weight_file
    state = ctx.weights.state_dict(file.id)
    entry = library.encoders[params.encoder]
    # Not on `meta`: some compute constants. Their initialisation must not move the random state.
    with torch.random.fork_rng(devices=[]):
        encoder: nn.Module = entry["encoder"](
            **copy.deepcopy(entry["params"]), depth=5, output_stride=32
        )
    _load_as_the_library_does(encoder, state, file.id)
    stages = TRANSFORMER_STAGES if params.encoder.startswith("mit_") else STAGES
    network = StageMaps(encoder, stages)
    return _loss(network, params, encoder_range(params.encoder, params.weights))


def empty_encoder(checkpoint: Checkpoint) -> nn.Module:
    """The encoder of a checkpoint, without its weights; the random state does not move."""
    if checkpoint.encoder.startswith("vit_"):  # DPT's, of timm
        return _vit_encoder(checkpoint)
    with torch.random.fork_rng(devices=[]):
        encoder: nn.Module = library.get_encoder(
            checkpoint.encoder, weights=None, depth=5, **checkpoint.options
        )
    return encoder


def _vit_encoder(checkpoint: Checkpoint) -> nn.Module:
    with torch.device("meta"):  # it computes no constants, and initialising it takes seconds
        encoder: nn.Module = TimmViTEncoder(
            checkpoint.encoder, pretrained=False, depth=4, **checkpoint.options
        )
    return encoder


def _load_as_the_library_does(
    encoder: nn.Module, state: Mapping[str, Tensor], weight_id: str
) -> None:
    # Each encoder class drops its own classifier and renames what old files call otherwise; the
    # rest is strict.
    loader: Any = encoder
    try:
        loader.load_state_dict(dict(state))
    except (RuntimeError, KeyError) as error:
        raise WeightsError(
            f"expected weights {weight_id!r} to fit {type(encoder).__name__} exactly, got: {error}",
            f"check the file: srbench weights verify {weight_id}",
        ) from error


def _loss(
    network: StageMaps,
    params: CheckpointParams | SmpEncoderParams,
    input_range: tuple[tuple[float, ...], tuple[float, ...]],
) -> FeatureLoss:
    names = {stage: f"stages.{stage}" for stage in network.stages}
    return FeatureLoss.from_params(
        network, params, normalize=input_range, min_size=_MIN_SIZE, names=names
    )
