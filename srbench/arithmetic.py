"""How torch computes float32: TF32 or not, kernels chosen by timing or always the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch


@contextmanager
def arithmetic(*, tf32: bool = False, autotune: bool = False) -> Iterator[None]:
    """Global settings, put back afterwards, whichever of torch's interfaces they were made by.

    Args:
        tf32: matrix units of CUDA with ten bits of mantissa for float32 work. The CPU always
            computes float32 as it is.
        autotune: cuDNN times its kernels for each shape and takes the fastest; without it kernels
            are deterministic, and no memory is taken for trying them.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.enabled, cudnn.benchmark, cudnn.deterministic
    with _float32(tf32):
        try:
            cudnn.enabled, cudnn.benchmark, cudnn.deterministic = True, autotune, not autotune
            yield
        finally:
            cudnn.enabled, cudnn.benchmark, cudnn.deterministic = before


@contextmanager
def _float32(tf32: bool) -> Iterator[None]:
    # torch keeps old flags and, from 2.9 on, new ones. Reading an old flag raises where the two
    # disagree; setting it does not, and brings both into line, so that code inside may use either.
    old, new = _old_flags(), _new_flags()
    own = {flag: _own(flag) for flag in new}
    try:
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = tf32
        for flag, on_cuda in new.items():
            flag.fp32_precision = "tf32" if tf32 and on_cuda else "ieee"
        yield
    finally:
        for put_back, value in old:
            put_back(value)
        for flag, precision in own.items():
            flag.fp32_precision = precision


def _old_flags() -> list[tuple[Callable[[Any], None], Any]]:
    """How to put back those that can be read: where the new ones differ there is no such value."""

    def convolutions(allowed: bool) -> None:
        torch.backends.cudnn.allow_tf32 = allowed

    found: list[tuple[Callable[[Any], None], Any]] = []
    with suppress(RuntimeError):
        found.append((torch.set_float32_matmul_precision, torch.get_float32_matmul_precision()))
    with suppress(RuntimeError):
        found.append((convolutions, torch.backends.cudnn.allow_tf32))
    return found


def _new_flags() -> dict[Any, bool]:
    """What has a precision of its own, and whether it is CUDA's; empty before torch 2.9."""
    backends: Any = torch.backends
    if not hasattr(backends, "fp32_precision"):
        return {}
    cuda, cpu = backends.cudnn, backends.mkldnn
    return {
        **dict.fromkeys((backends.cuda.matmul, cuda.conv, cuda.rnn), True),
        **dict.fromkeys((cpu.matmul, cpu.conv, cpu.rnn), False),
    }


def _own(flag: Any) -> str:
    """The flag's precision; ``none`` where it has that of the backends above it."""
    backends: Any = torch.backends
    general, backends.fp32_precision = backends.fp32_precision, "none"
    cuda, backends.cudnn.fp32_precision = backends.cudnn.fp32_precision, "none"
    try:
        return str(flag.fp32_precision)
    finally:
        backends.cudnn.fp32_precision = cuda
        backends.fp32_precision = general
