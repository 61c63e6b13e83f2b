"""Initial weights from streams of their own, so that no network's depend on another's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int | None, stream: str) -> Iterator[None]:
    """Draw from the stream of that name and seed; torch's global random state is put back.

    Args:
        seed: ``None`` draws from the global state.
    """
    if seed is None:
        yield
        return
    digest = hashlib.sha256(f"srbench:{stream}:{seed}".encode()).digest()
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would reseed CUDA too, outside of what fork_rng restores here.
        torch.default_generator.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        yield
