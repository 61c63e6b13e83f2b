"""All global random states that training can draw from: torch, CUDA, numpy, Python."""

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
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if used else [],
        "numpy": [str(kind), [int(k) for k in keys], int(position), int(has_gauss), float(cached)],
        "python": random.getstate(),
    }


def restore_rng(state: dict[str, Any]) -> None:
    """Undo everything drawn since ``state`` was captured."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        # Of as many GPUs as are here: the checkpoint may come from a machine with more.
        torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))


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
