"""The plugin ``iqa``: metrics as losses. Imports neither torch nor pyiqa.

A loss that is a metric is scored by that metric in the same tables: ``trains_on_metrics`` names it,
and the report says so beside the score.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from srbench.contract import BuildContext, LossSpec, WeightFile, hookimpl
from srbench.contract.known_weights import (
    ALEXNET_IMAGENET,
    DISTS_WEIGHTS,
    LPIPS_ALEX,
    LPIPS_VGG,
    VGG16_IMAGENET,
)
from srbench.contract.specs import BuildLoss
from srbench_iqa.params import PyiqaParams
from srbench_iqa.weights import STLPIPS_ALEXNET, STLPIPS_VGG16

if TYPE_CHECKING:
    from torch import nn


def build_lpips(ctx: BuildContext, params: None) -> nn.Module:
    """LPIPS on AlexNet."""
    from srbench_iqa.lpips import lpips_v01

    return lpips_v01(
        "alex",
        ctx.weights.state_dict(ALEXNET_IMAGENET.id),
        ctx.weights.state_dict(LPIPS_ALEX.id),
    )


def build_lpips_vgg(ctx: BuildContext, params: None) -> nn.Module:
    """LPIPS on VGG16."""
    from srbench_iqa.lpips import lpips_v01

    return lpips_v01(
        "vgg", ctx.weights.state_dict(VGG16_IMAGENET.id), ctx.weights.state_dict(LPIPS_VGG.id)
    )


def build_stlpips_alexnet(ctx: BuildContext, params: None) -> nn.Module:
    """Shift-tolerant LPIPS on AlexNet."""
    from srbench_iqa.stlpips import shift_tolerant_lpips

    return shift_tolerant_lpips("alexnet", ctx.weights.state_dict(STLPIPS_ALEXNET.id))


def build_stlpips_vgg16(ctx: BuildContext, params: None) -> nn.Module:
    """Shift-tolerant LPIPS on VGG16."""
    from srbench_iqa.stlpips import shift_tolerant_lpips

    return shift_tolerant_lpips("vgg16", ctx.weights.state_dict(STLPIPS_VGG16.id))


def build_dists(ctx: BuildContext, params: None) -> nn.Module:
    """DISTS."""
    from srbench_iqa.dists import Dists

    return Dists(
        ctx.weights.state_dict(VGG16_IMAGENET.id), ctx.weights.state_dict(DISTS_WEIGHTS.id)
    )


def build_pyiqa(ctx: BuildContext, params: PyiqaParams) -> nn.Module:
    """A metric of pyiqa."""
    from srbench_iqa.pyiqa_bridge import build_pyiqa_loss

    return build_pyiqa_loss(params)


def resolve_pyiqa(params: PyiqaParams) -> LossSpec:
    """The spec of one metric."""
    return replace(
        PYIQA,
        summary=f"pyiqa's {params.metric} with pyiqa's defaults",
        min_size=params.min_size,
        trains_on_metrics=params.metrics,
    )


def _stlpips(backbone: str, build: BuildLoss, file: WeightFile, min_size: int) -> LossSpec:
    return LossSpec(
        name=f"stlpips-{backbone}",
        version=1,
        summary=f"shift-tolerant LPIPS on a blurred {backbone} that never saw ImageNet",
        task="iqa",
        backbone=backbone,
        # LPIPS's heads saw the same judgements; its trunks did not.
        pretrained_on="people's judgements of distorted patches (BAPPS), from scratch",
        build=build,
        weights=(file,),
        min_size=min_size,
        license="BSD-2-Clause; commercial use allowed by the licence; BAPPS's images have terms "
        "of their own",
        paper="https://arxiv.org/abs/2207.13686",
    )


_ON_IMAGENET = "trained on ImageNet, whose images have terms of their own"

PYIQA = LossSpec(
    name="pyiqa",
    version=1,
    summary="any differentiable metric of pyiqa, named by the parameter metric",
    task="iqa",
    backbone="any",
    pretrained_on="depends on the metric",
    params=PyiqaParams,
    build=build_pyiqa,
    resolve=resolve_pyiqa,
    min_size=32,
    license="code PolyForm-Noncommercial-1.0.0 (pyiqa): no commercial use; weights: each metric's",
    paper="https://github.com/chaofengc/IQA-PyTorch",
)

_LOSSES = (
    LossSpec(
        name="lpips",
        version=1,
        summary="LPIPS v0.1 on AlexNet: learned distance of unit-normalised features",
        task="iqa",
        backbone="alexnet",
        pretrained_on="ImageNet-1k; heads on people's judgements (BAPPS)",
        build=build_lpips,
        weights=(ALEXNET_IMAGENET, LPIPS_ALEX),
        min_size=31,
        trains_on_metrics=("lpips",),
        shares_network_with=("lpips",),
        license=f"BSD-2-Clause and BSD-3-Clause; commercial use allowed; {_ON_IMAGENET}",
        paper="https://arxiv.org/abs/1801.03924",
    ),
    LossSpec(
        name="lpips-vgg",
        version=1,
        summary="LPIPS v0.1 on VGG16: learned distance of unit-normalised features",
        task="iqa",
        backbone="vgg16",
        pretrained_on="ImageNet-1k; heads on people's judgements (BAPPS)",
        build=build_lpips_vgg,
        weights=(VGG16_IMAGENET, LPIPS_VGG),
        min_size=16,
        trains_on_metrics=("lpips-vgg",),
        shares_network_with=("dists", "lpips-vgg"),
        license=f"BSD-2-Clause and BSD-3-Clause; commercial use allowed; {_ON_IMAGENET}",
        paper="https://arxiv.org/abs/1801.03924",
    ),
    _stlpips("alexnet", build_stlpips_alexnet, STLPIPS_ALEXNET, 21),
    _stlpips("vgg16", build_stlpips_vgg16, STLPIPS_VGG16, 18),
    LossSpec(
        name="dists",
        version=1,
        summary="DISTS: similarity of structure and texture in VGG16's features",
        task="iqa",
        backbone="vgg16",
        pretrained_on="ImageNet-1k; weights on people's judgements (KADID-10k) and textures (DTD)",
        build=build_dists,
        weights=(VGG16_IMAGENET, DISTS_WEIGHTS),
        min_size=16,
        trains_on_metrics=("dists",),
        shares_network_with=("dists", "lpips-vgg"),
        license=f"MIT and BSD-3-Clause; commercial use allowed; {_ON_IMAGENET}",
        paper="https://arxiv.org/abs/2004.07728",
    ),
    PYIQA,
)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """The losses of this plugin."""
    return _LOSSES
