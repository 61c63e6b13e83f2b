"""pyiqa's networks of :mod:`srbench.metrics.vetted`, filled with weights that srbench has loaded.

While pyiqa constructs one, the functions of its module by which it would download and unpickle
stand for ours.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import packaging.version
import timm
import torch
from pyiqa.archs import build_network, clip_model
from pyiqa.default_model_configs import DEFAULT_CONFIGS
from torch import Tensor, nn

from srbench.contract.loading import load_weights
from srbench.metrics.pyiqa_bridge import CONSTRUCTION

_MODULES: Mapping[str, str] = {
    "CFANet": "topiq_arch",
    "MANIQA": "maniqa_arch",
    "MUSIQ": "musiq_arch",
    "CLIPIQA": "clipiqa_arch",
}


def filled_network(
    name: str, weights: Mapping[str, Tensor], clip: Mapping[str, Tensor] | None = None
) -> nn.Module:
    """pyiqa's network ``name`` with these weights in the place of all that it would download.

    Args:
        weights: its whole state dict; for CLIP-IQA+ the learnt prompts, ``tensor``.
        clip: OpenAI's state dict of CLIP's ResNet-50, for those that use it.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape.
    """
    options = dict(DEFAULT_CONFIGS[name]["metric_opts"])
    if clip is not None:
        options["pretrained"] = False  # else the prompts are fetched
    replaced: dict[str, Any] = {
        "timm": SimpleNamespace(create_model=_untrained),
        "load": lambda *_, **__: clip_model.build_model(dict(clip or {})).float(),
        "load_pretrained_network": lambda network, *_, **__: load_weights(
            network, weights, weight_id=name
        ),
    }
    module = _module(f"pyiqa.archs.{_MODULES[options['type']]}")
    here = {key: value for key, value in replaced.items() if hasattr(module, key)}
    # The seeds of a training run must not depend on whether a metric was built beside it.
    with CONSTRUCTION, torch.random.fork_rng(devices=[]), mock.patch.multiple(module, **here):
        network: Any = build_network(options)
    if clip is not None:
        prompts = network.prompt_learner.ctx
        prompts.data = weights["tensor"].reshape(prompts.shape)
    return _Scored(network).eval().requires_grad_(False)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "pkg_resources":
            raise
    # openai-clip takes packaging from there, and setuptools has it no longer.
    sys.modules["pkg_resources"] = ModuleType("pkg_resources")
    sys.modules["pkg_resources"].packaging = packaging  # type: ignore[attr-defined]
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules["pkg_resources"]


class _Scored(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, sr: Tensor, hr: Tensor | None = None) -> Tensor:
        """``sr``, ``hr``: RGB float32 [0, 1] ``(N, 3, H, W)``; returns ``(N,)``."""
        scores: Tensor = self.network(sr) if hr is None else self.network(sr, hr)
        return scores.reshape(-1)


def _untrained(name: str, **options: Any) -> nn.Module:
    network: nn.Module = timm.create_model(name, **{**options, "pretrained": False})
    return network
