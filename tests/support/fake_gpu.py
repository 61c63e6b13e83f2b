"""A GPU that does not exist: shapes, types and devices of all that a training job does on one.

A Python backend gives torch a device type, an autocast fallthrough lets `torch.autocast` name it,
and `FakeTensorMode` computes what each operation would return, backward passes included. What was
left on the CPU is an error, as it would be on a real GPU. Not seen by this: kernels, cuDNN,
streams, pinned memory, and which operations autocast computes in bf16.

The registration is experimental and lasts for the process: use it in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration as backends
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

NAME = "fakegpu"
_kept: list[Any] = []


class _Module(backends._DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


def register() -> torch.device:
    """The device, known to torch from now on."""
    if not _kept:
        backends._setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
        library = torch.library.Library("_", "IMPL")
        library.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
        _kept.append(library)  # the registration ends with this object
        nn.Module._apply = _apply
    return torch.device(NAME, 0)


def _apply(self: nn.Module, fn: Any, recurse: bool = True) -> nn.Module:
    """As torch's, for tensors whose data cannot be set: what `Module.to` does."""
    for child in self.children() if recurse else ():
        child._apply(fn)
    with torch.no_grad():
        for name, parameter in self._parameters.items():
            if parameter is not None:
                moved = nn.Parameter(_moved(parameter, fn), parameter.requires_grad)
                self._parameters[name] = moved
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = _moved(buffer, fn)
    return self


def _moved(tensor: torch.Tensor, fn: Any) -> torch.Tensor:
    # A fresh fake tensor: one that was made of a real one remembers its value, and takes the real
    # kernel, which this device has none of.
    return fn(
        torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
    )


@contextmanager
def computing(*, float64: bool = False) -> Iterator[None]:
    """Everything inside is fake, and reading a value is an error; so is ``float64`` on the GPU."""
    with FakeTensorMode(allow_non_fake_inputs=True), nullcontext() if float64 else _NoFloat64():
        yield


class _NoFloat64(TorchDispatchMode):
    """Apple's GPUs have none, nor have Intel's for games."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for x in tree_leaves(result):
            if isinstance(x, torch.Tensor) and x.dtype == torch.float64 and x.device.type == NAME:
                raise TypeError(f"expected no float64 on a GPU, got some from {func}")
        return result


class Readable(TorchDispatchMode):
    """Within :func:`computing`: values may be read, and are 1. Counts how often."""

    reads = 0
    _reading = ("aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name() in self._reading:
            self.reads += 1
            return 1.0 if args[0].is_floating_point() else 1
        return func(*args, **(kwargs or {}))


class _Undrawn(TorchFunctionMode):
    _drawing = (torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.erfinv_)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in self._drawing:
            return args[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def building() -> Iterator[None]:
    """Networks are real, on the CPU, and without initial values, which take most of the time."""
    with _disable_current_modes(), _Undrawn():
        yield
