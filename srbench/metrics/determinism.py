"""What must hold around a computation for it to give the same bits every time."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def calm_torch() -> Iterator[None]:
    """No TF32 and no convolution algorithm chosen by timing; threads are put back afterwards."""
    import torch

    from srbench.arithmetic import arithmetic

    threads = torch.get_num_threads()
    try:
        with arithmetic():  # a training run around us has others
            yield
    finally:
        torch.set_num_threads(threads)


def one_thread() -> None:
    """One torch thread in the calling thread, and in those that are made later."""
    import torch

    torch.set_num_threads(1)


@contextlib.contextmanager
def seeded(name: str, device: str) -> Iterator[None]:
    """Random generators seeded from the image's name; the former states come back afterwards."""
    import torch

    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    kind = device.partition(":")[0]
    used = [] if kind == "cpu" else [torch.get_device_module(kind).current_device()]
    plain, legacy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(used, device_type=kind if used else "cuda"):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(legacy)
