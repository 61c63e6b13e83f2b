"""Checks of what a loss leaves behind: frozen parameters, repeatable values, global state."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from srbench.checks.outcome import CheckFailed, some
from srbench.checks.subject import Subject, expect, value_and_gradient

STEPS = 10
"""Steps of a stand-in for training in ``stays-frozen``."""


def check_stays_frozen(subject: Subject) -> None:
    """No parameter asks for a gradient; 10 training steps after ``train()`` change nothing."""
    module = subject.build()
    asking = [name for name, p in module.named_parameters() if p.requires_grad]
    expect(
        not asking,
        f"expected frozen parameters, got requires_grad=True for {some(asking)}: call "
        "requires_grad_(False) in the loss",
    )
    sr, hr = subject.pairs()
    with torch.no_grad():
        before = float(module(sr, hr))
    kept = {name: tensor.detach().clone() for name, tensor in _tensors(module).items()}
    module.train()
    _train(module, sr, hr)
    moved = [
        name
        for name, tensor in _tensors(module).items()
        if name not in kept or not torch.equal(tensor, kept[name])
    ]
    expect(
        not moved,
        f"expected parameters and buffers to stay as they were under train(), got new values of "
        f"{some(moved)}: BatchNorm moves unless train() is overridden to keep eval mode",
    )
    with torch.no_grad():
        after = float(module(sr, hr))
    expect(
        before == after,
        f"expected the same value after train(), got {after:.6g} instead of {before:.6g}: a "
        "dropout or a BatchNorm left eval mode",
    )


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _train(module: nn.Module, sr: Tensor, hr: Tensor) -> None:
    """What a careless training loop does: every parameter that it finds goes to the optimiser."""
    image = sr.clone().requires_grad_()
    optimizer = torch.optim.SGD([image, *module.parameters()], lr=0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        module(image, hr).backward()
        optimizer.step()


def check_same_twice(subject: Subject) -> None:
    """The same images give the same bits again, and so does a module built anew."""
    sr, hr = subject.pair()
    first = value_and_gradient(subject.module, sr, hr)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        again = value_and_gradient(subject.module, sr, hr)
        anew = value_and_gradient(subject.build(), sr, hr)
    for what, other in (("a second call", again), ("a module built anew", anew)):
        expect(
            torch.equal(first[0], other[0]),
            f"expected {float(first[0]):.9g} again from {what}, got {float(other[0]):.9g}: draw "
            "random numbers from a torch.Generator seeded with ctx.seed",
        )
        expect(torch.equal(first[1], other[1]), f"expected the same gradient again from {what}")


def check_global_state_untouched(subject: Subject) -> None:
    """Building and computing leave random states, default type and global switches alone."""
    before = global_state()
    module = subject.build()
    sr, hr = subject.pair()
    value_and_gradient(module, sr, hr)
    after = global_state()
    changed = [name for name, value in before.items() if not _same(value, after[name])]
    expect(
        not changed,
        f"expected global state to stay as it was, got changes of {some(changed)}: make networks "
        "under torch.random.fork_rng(), or on the meta device, and use torch.Generator objects",
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, tuple):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)


_SWITCHES: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "Python's random state": (random.getstate, random.setstate),
    "numpy's random state": (lambda: np.random.get_state(legacy=True), np.random.set_state),
    "torch's random state": (torch.get_rng_state, torch.set_rng_state),
    "the default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "the default device": (torch.get_default_device, torch.set_default_device),
    "the grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "the thread count": (torch.get_num_threads, torch.set_num_threads),
    "float32 matmul precision": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
}

_CUDNN = ("enabled", "benchmark", "deterministic", "allow_tf32")


def global_state() -> dict[str, Any]:
    """Random states and switches of Python, numpy and torch, by a name for people."""
    state = {name: get() for name, (get, _) in _SWITCHES.items()}
    for flag in _CUDNN:
        state[f"cudnn.{flag}"] = getattr(torch.backends.cudnn, flag)
    return state


def restore(state: dict[str, Any]) -> None:
    """Put back what :func:`global_state` gave: one check must not change the next one."""
    for name, (get, put) in _SWITCHES.items():
        if not _same(get(), state[name]):
            put(state[name])
    for flag in _CUDNN:
        if getattr(torch.backends.cudnn, flag) != state[f"cudnn.{flag}"]:
            setattr(torch.backends.cudnn, flag, state[f"cudnn.{flag}"])


def check_computes_without_graph(subject: Subject) -> None:
    """Under ``no_grad`` the value is the same; no call leaves gradients at the parameters."""
    sr, hr = subject.pair()
    value, _ = value_and_gradient(subject.module, sr, hr)
    with torch.no_grad():
        plain = subject.module(sr, hr)
    expect(
        torch.allclose(value, plain, rtol=1e-6, atol=0),
        f"expected the value {float(value):.6g} under no_grad too, got {float(plain):.6g}",
    )
    left = [name for name, p in subject.module.named_parameters() if p.grad is not None]
    if left:
        raise CheckFailed(f"expected no gradients at the parameters, got some at {some(left)}")
