"""BatchNorm folded into the convolution before it: a third of a ResNet's layers gone when built.

In a frozen network BatchNorm is ``a x + b`` per channel, and so is part of the convolution whose
output it normalises (Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2). Values and gradients stay the same up
to rounding; a step has as many operations fewer to start, forward and backward.

Which BatchNorm follows which convolution is read off one forward pass, so that any architecture
will do. This module needs torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves


def fold_batch_norms(
    network: nn.Module, *, keep: Collection[str] = (), size: int = 64
) -> dict[str, str]:
    """Fold every ``nn.BatchNorm2d`` that alone reads the output of an ``nn.Conv2d``.

    Folded are modules of exactly these two classes that run once in a forward pass; a
    ``nn.Identity`` takes the BatchNorm's place, so that it can still be tapped.

    Args:
        network: in eval mode, its weights loaded; changed in place.
        keep: paths of modules whose output must stay what it is: the taps.
        size: side of the square image of the forward pass, in pixels.

    Returns:
        Path of each BatchNorm that is gone -> path of the convolution that has taken it in.
    """
    paths = _single_paths(network)
    if not any(type(module) is nn.BatchNorm2d for module in paths):
        return {}
    trace = _Trace(network, {network.get_submodule(path) for path in keep})
    parameter = next(network.parameters())
    image = torch.zeros((1, 3, size, size), dtype=parameter.dtype, device=parameter.device)
    with torch.no_grad(), trace:
        network(image)
    folded = {}
    for conv, norm in trace.pairs():
        if conv in paths and norm in paths and norm.running_mean is not None:
            _fold(conv, norm)
            network.set_submodule(paths[norm], nn.Identity())
            folded[paths[norm]] = paths[conv]
    return folded


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, var = norm.running_mean, norm.running_var
    # In float64, so that what is rounded is the result alone.
    wide: list[Any] = [
        None if tensor is None else tensor.detach().double()
        for tensor in (conv.weight, conv.bias, mean, var, norm.weight, norm.bias)
    ]
    weight, bias = fuse_conv_bn_weights(
        wide[0], wide[1], wide[2], wide[3], norm.eps, wide[4], wide[5]
    )
    kind = conv.weight.dtype
    # New ones: the old may be shared with whoever else has this file loaded.
    conv.weight, conv.bias = nn.Parameter(weight.to(kind)), nn.Parameter(bias.to(kind))


def _single_paths(network: nn.Module) -> dict[nn.Module, str]:
    """Module -> path, without modules that have more than one."""
    named = list(network.named_modules(remove_duplicate=False))
    places = Counter(module for _, module in named)
    return {module: path for path, module in named if places[module] == 1}


class _Trace(TorchFunctionMode):
    """During one forward pass: what reads the output of each convolution, and how often."""

    def __init__(self, network: nn.Module, kept: Collection[nn.Module]) -> None:
        super().__init__()
        self._calls: Counter[nn.Module] = Counter()
        self._outputs: dict[nn.Module, Tensor] = {}
        self._reads: Counter[int] = Counter()
        self._readers: dict[int, nn.Module] = {}
        self._tapped: list[Tensor] = []
        self._handles = [
            handle
            for module in network.modules()
            for handle in self._watch(module, tapped=module in kept)
        ]

    def _watch(self, module: nn.Module, *, tapped: bool) -> list[Any]:
        handles = []
        if type(module) is nn.BatchNorm2d:
            handles.append(module.register_forward_pre_hook(self._before_norm))
        if type(module) is nn.Conv2d:
            handles.append(module.register_forward_hook(self._after_conv))
        if tapped:
            handles.append(module.register_forward_hook(self._after_tap))
        return handles

    def _before_norm(self, norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._calls[norm] += 1
        self._readers[id(inputs[0])] = norm

    def _after_conv(self, conv: nn.Module, _: object, output: Tensor) -> None:
        self._calls[conv] += 1
        # Kept alive, so that no later tensor gets its id; an earlier one may have had it.
        self._outputs[conv] = output
        self._reads.pop(id(output), None)
        self._readers.pop(id(output), None)

    def _after_tap(self, _: nn.Module, __: object, output: object) -> None:
        self._tapped += [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Counts what each tensor is used for, but for looks at its shape and the like."""
        result = func(*args, **(kwargs or {}))
        if any(isinstance(leaf, Tensor) for leaf in tree_leaves(result)):
            self._reads.update(
                id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)
            )
        return result

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        for handle in self._handles:
            handle.remove()

    def pairs(self) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """Convolutions and the one BatchNorm that reads their output, both called once."""
        tapped = {id(tensor) for tensor in self._tapped}
        found: list[tuple[Any, Any]] = []
        for conv, output in self._outputs.items():
            norm = self._readers.get(id(output))
            alone = self._reads[id(output)] == 1 and id(output) not in tapped
            if norm is not None and alone and self._calls[conv] == self._calls[norm] == 1:
                found.append((conv, norm))
        return found
