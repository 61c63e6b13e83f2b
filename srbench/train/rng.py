"""All global random states that training can draw from: torch, accelerators, numpy, Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def capture_rng() -> dict[str, Any]:
    """The states, as plain values and tensors that ``torch.load(weights_only=True)`` admits."""
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],  # type: ignore[no-untyped-call]
        "xpu": torch.xpu.get_rng_state_all() if torch.xpu.is_initialized() else [],  # type: ignore[no-untyped-call]
        "mps": [torch.mps.get_rng_state()] if torch.backends.mps.is_available() else [],
        "numpy": [str(kind), [int(k) for k in keys], int(position), int(has_gauss), float(cached)],
        "python": random.getstate(),
    }


def restore_rng(state: dict[str, Any]) -> None:
    """Undo everything drawn since ``state`` was captured."""
    torch.set_rng_state(state["torch"])
    for module in (torch.cuda, torch.xpu):
        kept = state.get(module.__name__.rpartition(".")[2])
        if kept and module.is_available():
            # Of as many GPUs as are here: the checkpoint may come from a machine with more.
            module.set_rng_state_all(kept[: module.device_count()])
    if state.get("mps") and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"][0])
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))


def host_states() -> tuple[object, ...]:
    """Those of the CPU, to compare."""
    legacy = np.random.get_state(legacy=False)
    return torch.get_rng_state().numpy().tobytes(), repr(legacy), random.getstate()


def seed_rng(seed: int) -> None:
    """Seed all of them."""
    torch.manual_seed(seed % 2**63)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def isolated_rng() -> Iterator[None]:
    """Whatever is drawn inside leaves no trace outside."""
    state = capture_rng()
    try:
        yield
    finally:
        restore_rng(state)
