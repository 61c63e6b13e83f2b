"""The plugin ``detection``: one loss per detector. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from srbench.contract import BuildContext, LossSpec, hookimpl
from srbench.contract.params import FeatureParams
from srbench_detection.networks import NETWORKS

if TYPE_CHECKING:
    from torch import nn


def build_network(ctx: BuildContext, params: FeatureParams) -> nn.Module:
    """Build the loss of one detector's backbone."""
    from srbench.contract.features import network_loss

    return network_loss(ctx, NETWORKS[params.network], params)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """The losses of this plugin."""
    return [network.spec(build_network) for network in NETWORKS.values()]
