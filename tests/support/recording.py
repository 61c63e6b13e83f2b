"""CUDA graphs on the CPU: the operations of a capture are noted, and done again by a replay.

As on a GPU, nothing of Python is done again: a number that an operation was given is that number
for ever. Unlike there, capturing computes; so the replay that follows it does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Graph(TorchDispatchMode):
    """Instead of ``torch.cuda.CUDAGraph``."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, Any, Any, Any]] = []
        self.replays = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.done.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        self.replays += 1
        if self.replays == 1:
            return
        with torch._C._AutoDispatchBelowAutograd():
            for func, args, kwargs, result in self.done:
                new = func(*args, **kwargs)
                for old, value in zip(tree_leaves(result), tree_leaves(new), strict=True):
                    if isinstance(old, Tensor) and old.data_ptr() != value.data_ptr():
                        old.copy_(value)


class Stream:
    """Instead of ``torch.cuda.Stream``: there is one order of things."""

    def __init__(self, device: torch.device) -> None: ...
    def wait_stream(self, other: Stream) -> None: ...


@contextmanager
def graph(captured: Graph, *, stream: Stream, capture_error_mode: str) -> Iterator[None]:
    """Instead of ``torch.cuda.graph``."""
    assert capture_error_mode == "thread_local"
    with captured:
        yield


@contextmanager
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Graph]]:
    """Graphs are those of this module; gives those that are made."""
    made: list[Graph] = []

    def make() -> Graph:
        made.append(Graph())
        return made[-1]

    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "CUDAGraph", make)
        patch.setattr(torch.cuda, "graph", graph)
        patch.setattr(torch.cuda, "Stream", Stream)
        patch.setattr(torch.cuda, "current_stream", Stream)
        patch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
        yield made
