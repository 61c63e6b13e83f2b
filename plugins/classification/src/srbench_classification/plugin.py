"""The plugin ``classification``: one loss per network, and ``timm``. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from srbench.contract import BuildContext, LossSpec, hookimpl
from srbench.contract.params import FeatureParams
from srbench.contract.weightfile import UNPINNED
from srbench_classification.networks import NETWORKS
from srbench_classification.timm_params import TimmParams

if TYPE_CHECKING:
    from torch import nn


def build_network(ctx: BuildContext, params: FeatureParams) -> nn.Module:
    """Build the loss of one network."""
    from srbench.contract.features import network_loss

    return network_loss(ctx, NETWORKS[params.network], params)


def resolve_network(params: FeatureParams) -> LossSpec:
    """The spec with the weights that ``params`` chooses."""
    return NETWORKS[params.network].spec(build_network, resolve_network, params)


def build_timm(ctx: BuildContext, params: TimmParams) -> nn.Module:
    """Build the loss of any timm model."""
    from srbench_classification.timm_build import build_timm_loss

    return build_timm_loss(ctx, params)


def resolve_timm(params: TimmParams) -> LossSpec:
    """The spec of one model: its architecture, task and weights."""
    file = params.weight_file
    return replace(
        TIMM,
        summary=f"features of timm's {params.model}",
        task=params.task,
        backbone=params.architecture,
        pretrained_on=f"timm's tag {params.tag!r}",
        weights=(file,),
        license=f"code Apache-2.0 (timm); weights: {file.license}",
        paper=f"https://huggingface.co/timm/{params.model}",
        shares_network_with=_SHARED.get(params.architecture, ()),
        known_failures={"weights-declared": UNPINNED},
    )


_SHARED = {network.backbone: network.shares_network_with for network in NETWORKS.values()}


TIMM = LossSpec(
    name="timm",
    version=1,
    summary="features of any timm model, named by the parameters model and taps",
    task="classification",
    backbone="any",
    pretrained_on="depends on the model",
    params=TimmParams,
    build=build_timm,
    resolve=resolve_timm,
    license="code Apache-2.0 (timm); weights: each model's own, see its page on the hub",
    paper="https://github.com/huggingface/pytorch-image-models",
)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """The losses of this plugin: the seven networks of the starting study first."""
    specs = [network.spec(build_network, resolve_network) for network in NETWORKS.values()]
    return [*specs, TIMM]
