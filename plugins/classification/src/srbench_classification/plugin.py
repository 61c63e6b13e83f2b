"""The plugin ``classification``: one loss per network, and ``timm``. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from srbench.contract import BuildContext, LossSpec, hookimpl
from srbench_classification.networks import NETWORKS
from srbench_classification.params import PARAMS, NetworkParams
from srbench_classification.timm_params import UNPINNED, TimmParams

if TYPE_CHECKING:
    from torch import nn

_PRETRAINED_ON = "ImageNet-1k (ILSVRC 2012)"


def build_network(ctx: BuildContext, params: NetworkParams) -> nn.Module:
    """Build the loss of one network."""
    from srbench_classification.build import build_network_loss

    return build_network_loss(ctx, params)


def build_timm(ctx: BuildContext, params: TimmParams) -> nn.Module:
    """Build the loss of any timm model."""
    from srbench_classification.timm_build import build_timm_loss

    return build_timm_loss(ctx, params)


def resolve_network(params: NetworkParams) -> LossSpec:
    """The spec with the weights that ``params`` chooses."""
    return replace(_spec(type(params)), weights=(params.pretrained.file,))


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


_SHARED = {
    network.architecture: network.shares_network_with
    for network in NETWORKS.values()
    if network.library == "torchvision"
}


def _spec(params: type[NetworkParams]) -> LossSpec:
    network = NETWORKS[params.network]
    default = next(iter(network.pretrained.values()))
    return LossSpec(
        name=params.network,
        version=1,
        summary=f"features of {network.title} trained for ImageNet classification",
        task="classification",
        backbone=network.architecture,
        pretrained_on=_PRETRAINED_ON,
        params=params,
        build=build_network,
        resolve=resolve_network,
        weights=(default.file,),
        min_size=network.min_size,
        shares_network_with=network.shares_network_with,
        license=network.license,
        paper=network.paper,
    )


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
    return [*(_spec(params) for params in PARAMS), TIMM]
