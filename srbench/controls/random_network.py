"""Any architecture that has learnt nothing: what the architecture alone contributes."""

from __future__ import annotations

from typing import Literal

import torch
import torchvision
from torch import nn

from srbench.errors import UserError, unknown_name

_HEADS = ("classifier", "fc", "head", "heads", "avgpool", "global_pool")

# torchvision warns unless these are told how to start.
_OPTIONS = {"inception_v3": {"init_weights": True}, "googlenet": {"init_weights": True}}


def random_network(
    name: str, seed: int, library: Literal["torchvision", "timm"] = "torchvision"
) -> nn.Module:
    """A classifier as its library initialises it, without the head.

    The same values for a seed on any machine with the same library; the global random state is
    left alone. Batch norms keep mean 0 and variance 1.

    Args:
        name: what the library calls the architecture.
        seed: of the initialisation.
        library: which library.

    Raises:
        UnknownName: the library has no such classifier.
        UserError: timm is asked for and not installed.
    """
    # Only the CPU's generator: torch.manual_seed would move those of all devices.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = _from_timm(name) if library == "timm" else _from_torchvision(name)
    for head in _HEADS:
        if isinstance(getattr(network, head, None), nn.Module):
            setattr(network, head, nn.Identity())
    return network


def _from_torchvision(name: str) -> nn.Module:
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise unknown_name("torchvision classifier", name, known)
    network: nn.Module = torchvision.models.get_model(name, weights=None, **_OPTIONS.get(name, {}))
    return network


def _from_timm(name: str) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise UserError(
            f"expected timm for the architecture {name!r}, found it not installed",
            "pip install timm, or leave out library to take torchvision's",
        ) from error
    if not timm.is_model(name):
        raise unknown_name("timm model", name, timm.list_models())
    network: nn.Module = timm.create_model(name, pretrained=False)
    return network
