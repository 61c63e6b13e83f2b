"""Names and shapes of the weights that only URLs carry, for checks with seeded values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from srbench_classification.matched import RESNET50, RESNET50_V2
from srbench_classification.networks import NETWORKS, Network


def _network(network: Network) -> Any:
    import torchvision

    # As published: Inception-v3 with its auxiliary classifier, which the loss leaves out.
    inception = {"init_weights": False} if network.architecture == "inception_v3" else {}
    return torchvision.models.get_model(network.architecture, weights=None, **inception)


def _resnet50() -> Any:
    import torchvision

    return torchvision.models.resnet50(weights=None)


LAYOUTS: Mapping[str, Callable[[], Any]] = {
    **{
        pretrained.file.id: partial(_network, network)
        for network in NETWORKS.values()
        if network.library == "torchvision"
        for pretrained in network.pretrained.values()
    },
    RESNET50.id: _resnet50,
    RESNET50_V2.id: _resnet50,
}
"""Weight id -> a network with the layout of the published file."""
