"""Random weights in the layout of the real ones, for losses whose weights cannot be had.

A conformance check asks how a loss behaves, not how good it is, so it can be run with weights of
random values, as long as names, shapes and types are those of the published file. These are never
used unless they are asked for, and every report says so.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from srbench.contract import WeightFile
from srbench.errors import WeightsError

GROUP = "srbench.weight_layouts"
"""Entry points of this group give a mapping of weight ids to layouts to ``--seeded-weights``."""

SEEDED = "seeded"
"""Instead of a resolver: seeded weights in the layouts that are known for the loss."""

Layout = nn.Module | Mapping[str, Tensor] | Callable[[], "nn.Module | Mapping[str, Tensor]"]
"""A network, a state dict, or a function of no arguments that makes one; on ``meta`` if it can."""


@dataclass(frozen=True, slots=True)
class _Shape:
    size: tuple[int, ...]
    dtype: torch.dtype


class SeededWeights:
    """A weight resolver with random values in given layouts.

    Convolutions and products raise the variance of their input by a quarter, normalisation layers
    get variances and scales in [0.75, 1.25], biases and means lie in [-0.002, 0.002]. With more,
    the signal of a residual network of 50 blocks, whose normalisation is frozen, grows beyond all
    bounds; with less, that of a VGG dies out. A value depends on the seed, the weight id and the
    tensor's name only.

    Args:
        layouts: weight id -> layout of the whole file, its head included. Functions are called
            with ``meta`` as the default device, so that ``lambda: torchvision.models.resnet50()``
            costs no memory and no time.
        seed: another seed gives other weights.
        files: what the loss declares; names that a file does not keep are left out.

    Example:
        >>> weights = SeededWeights({"tiny": lambda: nn.Conv2d(3, 8, 3)})
        >>> {name: tuple(tensor.shape) for name, tensor in weights.state_dict("tiny").items()}
        {'weight': (8, 3, 3, 3), 'bias': (8,)}
    """

    def __init__(
        self, layouts: Mapping[str, Layout], *, seed: int = 0, files: Iterable[WeightFile] = ()
    ) -> None:
        self.seed = seed
        self.keep = {file.id: file.keep for file in files}
        self._sources = dict(layouts)
        self._shapes: dict[str, dict[str, _Shape]] = {}

    def restricted_to(self, files: Iterable[WeightFile]) -> SeededWeights:
        """These weights, as ``files`` keep them."""
        return SeededWeights(self._sources, seed=self.seed, files=files)

    @property
    def ids(self) -> frozenset[str]:
        """The weight ids that a layout is known for."""
        return frozenset(self._sources)

    def state_dict(self, weight_id: str) -> dict[str, Tensor]:
        """Random tensors under the real names.

        Raises:
            WeightsError: no layout is known for ``weight_id``.
        """
        keep = self.keep.get(weight_id) or ("",)
        return {
            name: self._value(f"{weight_id}/{name}", name, shape)
            for name, shape in self._layout(weight_id).items()
            if name.startswith(keep)
        }

    def __getstate__(self) -> dict[str, Any]:
        # A fresh process cannot import lambdas and test modules: it gets shapes instead.
        shapes = {weight_id: self._layout(weight_id) for weight_id in self._sources}
        return {
            "seed": self.seed,
            "keep": self.keep,
            "_sources": dict.fromkeys(shapes),
            "_shapes": shapes,
        }

    def _layout(self, weight_id: str) -> dict[str, _Shape]:
        if weight_id not in self._sources:
            known = ", ".join(sorted(self._sources)) or "none"
            raise WeightsError(
                f"expected a layout for seeded weights {weight_id!r}, got layouts for: {known}",
                "give it to SeededWeights({...}), or to the mapping behind an entry point of the "
                f"group {GROUP!r}",
            )
        if weight_id not in self._shapes:
            self._shapes[weight_id] = _shapes(self._sources[weight_id])
        return self._shapes[weight_id]

    def _value(self, place: str, name: str, shape: _Shape) -> Tensor:
        if not shape.dtype.is_floating_point:
            return torch.full(shape.size, 7, dtype=shape.dtype)
        digest = hashlib.sha256(f"{self.seed}/{place}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7]))
        if len(shape.size) > 1:
            fan_in = math.prod(shape.size[1:])
            value = torch.randn(shape.size, generator=generator) * math.sqrt(1.25 / fan_in)
        elif name.endswith(("running_var", "weight")):
            value = 0.75 + 0.5 * torch.rand(shape.size, generator=generator)
        else:
            value = 0.004 * torch.rand(shape.size, generator=generator) - 0.002
        return value.to(shape.dtype)


def _shapes(source: Layout) -> dict[str, _Shape]:
    made: object = source
    if callable(source) and not isinstance(source, nn.Module):
        made = _make(source)
    tensors = made.state_dict() if isinstance(made, nn.Module) else made
    assert isinstance(tensors, Mapping)
    return {name: _Shape(tuple(value.shape), value.dtype) for name, value in tensors.items()}


def _make(source: Callable[[], object]) -> object:
    # Networks that draw their initial values nevertheless must not move the random state.
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return source()
        except (RuntimeError, NotImplementedError):
            # Some read values while they are made (drop-path rates); those need memory.
            return source()
