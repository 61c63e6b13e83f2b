"""The plugin ``segmentation``. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from srbench.contract import BuildContext, LossSpec, hookimpl
from srbench.contract.params import FeatureParams
from srbench.contract.weightfile import UNPINNED
from srbench_segmentation.networks import HED, NETWORKS
from srbench_segmentation.smp_params import (
    CHECKPOINTS,
    CheckpointParams,
    SmpEncoderParams,
)

if TYPE_CHECKING:
    from torch import nn


def build_network(ctx: BuildContext, params: FeatureParams) -> nn.Module:
    """Build the loss of one of torchvision's networks."""
    from srbench.contract.features import network_loss

    return network_loss(ctx, NETWORKS[params.network], params)


def build_hed(ctx: BuildContext, params: FeatureParams) -> nn.Module:
    """Build the loss of HED's VGG16."""
    from srbench.contract.features import network_loss
    from srbench_segmentation.hed import HedRange

    return network_loss(ctx, HED, params, normalize=HedRange())


def build_checkpoint(ctx: BuildContext, params: CheckpointParams) -> nn.Module:
    """Build the loss of a checkpoint of segmentation-models-pytorch's hub."""
    from srbench_segmentation.smp_build import build_checkpoint_loss

    return build_checkpoint_loss(ctx, params)


def build_smp_encoder(ctx: BuildContext, params: SmpEncoderParams) -> nn.Module:
    """Build the loss of any encoder of segmentation-models-pytorch."""
    from srbench_segmentation.smp_build import build_encoder_loss

    return build_encoder_loss(ctx, params)


def resolve_checkpoint(params: CheckpointParams) -> LossSpec:
    """The spec with the variant that ``params`` chooses."""
    return _checkpoint_spec(type(params), params)


def resolve_smp_encoder(params: SmpEncoderParams) -> LossSpec:
    """The spec of one encoder: its architecture and weights."""
    file = params.weight_file
    return replace(
        SMP_ENCODER,
        summary=f"features of smp's {params.encoder} with weights {params.weights!r}",
        backbone=params.encoder,
        pretrained_on=_PRETRAINED_ON.get(params.weights, "ImageNet-1k (ILSVRC 2012)"),
        weights=(file,),
        license=f"code MIT (smp); weights: {file.license}",
    )


_PRETRAINED_ON = {
    "imagenet+5k": "ImageNet-5k, then ImageNet-1k",
    "ssl": "YFCC-100M with a teacher's labels, then ImageNet-1k",
    "swsl": "940 million hashtagged images, then ImageNet-1k",
    "instagram": "940 million hashtagged images, then ImageNet-1k",
    "noisy-student": "ImageNet-1k and JFT-300M with a teacher's labels",
    "noisy-student-475": "ImageNet-1k and JFT-300M with a teacher's labels",
}


_PAPERS = {
    "segformer": "https://arxiv.org/abs/2105.15203",
    "upernet": "https://arxiv.org/abs/1807.10221",
    "dpt": "https://arxiv.org/abs/2103.13413",
}


def _checkpoint_spec(
    kind: type[CheckpointParams], params: CheckpointParams | None = None
) -> LossSpec:
    checkpoint = (params or kind()).checkpoint
    return LossSpec(
        name=kind.network,
        version=1,
        summary=f"features of {checkpoint.title} trained for semantic segmentation",
        task="segmentation",
        backbone=checkpoint.backbone,
        pretrained_on="ADE20K; encoder from ImageNet",
        params=kind,
        build=build_checkpoint,
        resolve=resolve_checkpoint,
        weights=(checkpoint.file,),
        min_size=32,
        license=checkpoint.file.license,
        paper=_PAPERS[kind.network],
        known_failures={"weights-declared": UNPINNED},
    )


SMP_ENCODER = LossSpec(
    name="smp-encoder",
    version=1,
    summary="features of any encoder of segmentation-models-pytorch, by parameter",
    task="classification",
    backbone="any",
    pretrained_on="depends on the weights",
    params=SmpEncoderParams,
    build=build_smp_encoder,
    resolve=resolve_smp_encoder,
    min_size=32,
    license="code MIT (smp); weights: each encoder's own, commercial use is not implied",
    paper="https://github.com/qubvel-org/segmentation_models.pytorch",
)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """The losses of this plugin."""
    return [
        *(network.spec(build_network) for network in NETWORKS.values()),
        *(_checkpoint_spec(kind) for kind in CHECKPOINTS),
        SMP_ENCODER,
        HED.spec(build_hed),
    ]
