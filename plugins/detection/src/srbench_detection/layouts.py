"""Names and shapes of the weights that only URLs carry, for checks with seeded values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from srbench_detection.networks import NETWORKS, Network

_PYRAMID = re.compile(r"(fpn\.(?:inner|layer)_blocks\.\d+)\.0\.")


def published_state_dict(network: Network) -> dict[str, Any]:
    """The names of the file that torchvision publishes.

    The first weights of the R-CNNs and of RetinaNet know neither ``num_batches_tracked`` nor the
    later names of the pyramid's convolutions.
    """
    import torchvision

    model = torchvision.models.get_model(network.architecture, weights=None, weights_backbone=None)
    state: dict[str, Any] = model.state_dict()
    if network.frozen_norm_epsilon is None:
        return state
    return {
        _PYRAMID.sub(r"\1.", name): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }


LAYOUTS: Mapping[str, Callable[[], Any]] = {
    network.file.id: partial(published_state_dict, network) for network in NETWORKS.values()
}
"""Weight id -> a state dict with the layout of the published file."""
