"""A step as one CUDA graph: its thousands of kernels are started by a single call.

What Python decides in a step is decided once, when the graph is captured. So what changes from
step to step is a tensor: batches, learning rates, the corner of the crop; and what cannot be one
stays outside. The first steps run as they are, beside the main stream, as capturing wants it:
they are steps like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from srbench.errors import ContractError
from srbench.train.rng import host_states

WARM_UP = 3
"""Steps before the graph is captured, in which libraries set up and time their kernels."""


class Captured:
    """Calls ``update``, from the fourth time on by replaying the graph of a call.

    Args:
        update: takes tensors on the device, and returns one.
        optimisers: whose steps it takes, capturable; their learning rates become tensors.
    """

    def __init__(
        self,
        update: Callable[..., Tensor],
        optimisers: Sequence[torch.optim.Optimizer],
        device: torch.device,
    ) -> None:
        self._update = update
        self._optimisers = optimisers
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph = torch.cuda.CUDAGraph()
        self._inputs: list[Tensor] = []
        self._values: Tensor | None = None
        self._calls = 0

    def __call__(self, *given: Tensor | int) -> Tensor:
        """What ``update`` returns for ``given``, always of the same shapes.

        Raises:
            ContractError: the step cannot be captured; its cause says whether for want of memory.
        """
        self._take(given)
        self._calls += 1
        if self._calls <= WARM_UP:
            main = torch.cuda.current_stream(self._device)
            self._stream.wait_stream(main)
            with torch.cuda.stream(self._stream):
                values = self._update(*self._inputs)
            main.wait_stream(self._stream)
            return values
        if self._values is None:
            self._values = self._capture()
        self._graph.replay()
        return self._values.clone()

    def _take(self, given: Sequence[Tensor | int]) -> None:
        if not self._inputs:
            self._inputs = [
                value.clone() if isinstance(value, Tensor) else self._number(value)
                for value in given
            ]
            for group in (group for one in self._optimisers for group in one.param_groups):
                group["lr"] = self._number(float(group["lr"]))
        for kept, value in zip(self._inputs, given, strict=True):
            if isinstance(value, Tensor):
                kept.copy_(value)
            else:
                kept.fill_(value)

    def _number(self, value: float) -> Tensor:
        return torch.full((), value, device=self._device)

    def _capture(self) -> Tensor:
        drawn = host_states()
        try:
            # Other threads are reading the next batches into pinned memory meanwhile.
            with torch.cuda.graph(
                self._graph, stream=self._stream, capture_error_mode="thread_local"
            ):
                values = self._update(*self._inputs)
        except RuntimeError as error:
            why = error.__context__ or error  # ending a failed capture fails too, and hides why
            raise _not_capturable(" ".join(str(why).split())[:300]) from why
        if host_states() != drawn:
            raise _not_capturable("it draws random numbers on the CPU, which a graph would repeat")
        return values


def _not_capturable(why: str) -> ContractError:
    return ContractError(
        f"expected a training step that can be captured as a CUDA graph, got: {why}",
        "set execution.cuda_graph = false for a loss that reads a value, copies to the device or "
        "decides in Python",
    )
