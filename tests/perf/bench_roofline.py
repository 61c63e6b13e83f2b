"""Where a training step's time goes, and how far each part is from its own kernels run alone.

    python tests/perf/bench_roofline.py [--quick]

What "alone" says is measured, and is the library's best and not the processor's: every convolution
and matrix product that a step runs is recorded with its shapes and dtype, then run again on its
own, hot, in both memory layouts, and the better time counts. A part alone is its floating-point
operations over the sum of those times: what the part would reach if there were nothing else in it
(no activations, normalisation, copies, no cold cache).

A multiply-add counts as two operations; a convolution's backward pass counts what it computes.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from figures import ROUNDS, Figure, run_benchmark
from step_sides import RUNTIMES, SEED, SIZES, Size, our_side
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import flop_registry

from srbench.devices import detect_device
from srbench.train import RuntimeSettings
from srbench.train.adversarial import AdversarialStep
from srbench.train.runtime import session

TARGET = 0.75
aten = torch.ops.aten
WORK = {
    aten.convolution.default,
    aten.convolution_backward.default,
    aten.mm.default,
    aten.addmm.default,
}
METHODS = {
    "_generate": "generator",
    "_backward_generator": "generator",
    "_content": "loss network",
    "_pixel": "pixel loss",
    "_discriminate": "discriminator",
    "_adversarial": "discriminator",
    "_backward_discriminator": "discriminator",
}
"""What of AdversarialStep belongs to which part; the rest of a step is the optimisers."""


@dataclass(frozen=True)
class Blank:
    """A tensor's shape and type, without its numbers."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: str

    def tensor(self, layout: torch.memory_format) -> torch.Tensor:
        """Random numbers of this shape; four-dimensional ones in ``layout``."""
        values = torch.rand(self.shape, dtype=torch.float32, device=self.device).to(self.dtype)
        return values.contiguous(memory_format=layout) if values.ndim == 4 else values


@dataclass
class Clock:
    """Seconds per part, a nested part's taken from the one around it."""

    device: str
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _open: list[str] = field(default_factory=list)
    _since: float = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._lap()
        self._open.append(name)
        try:
            yield
        finally:
            self._lap()
            self._open.pop()

    @property
    def current(self) -> str:
        return self._open[-1] if self._open else "optimisers"

    def _lap(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


class Recorder(TorchDispatchMode):
    """Counts the calls of ``WORK`` per part, by function and blank arguments."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.calls: dict[str, Counter[Any]] = defaultdict(Counter)
        self._clock = clock

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in WORK:
            self.calls[self._clock.current][func, _frozen(tree_map(_blank, args))] += 1
        return func(*args, **(kwargs or {}))


def _blank(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return Blank(tuple(value.shape), value.dtype, value.device.type)


def _made(args: Any, layout: torch.memory_format) -> Any:
    return tree_map(lambda value: value.tensor(layout) if isinstance(value, Blank) else value, args)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list | tuple) else value


def instrument(step: AdversarialStep, clock: Clock) -> None:
    """Time the parts of ``step`` by wrapping the methods that are in ``METHODS``."""

    def wrapped(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with clock.part(part):
                return function(*args, **kwargs)

        return call

    for name, part in METHODS.items():
        setattr(step, name, wrapped(getattr(step, name), part))


def flop(call: Any) -> int:
    """Floating-point operations of a recorded call, as torch counts them."""
    func, args = call
    meta = tree_map(
        lambda v: v.tensor(torch.contiguous_format) if isinstance(v, Blank) else v, args
    )
    with torch.no_grad():
        out = func(*meta)
    return int(flop_registry[func.overloadpacket](*meta, out_val=out))


def best_seconds(call: Any, device: str, rounds: int) -> float:
    """The call alone and hot: the better memory layout's median."""
    func, args = call
    medians = []
    for layout in (torch.contiguous_format, torch.channels_last):
        made = _made(args, layout)
        seconds = []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            func(*made)
            if device == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
        medians.append(statistics.median(seconds[1:]))
    return min(medians)


@dataclass(frozen=True)
class Part:
    """A part of the step: its time, its operations, and the time of those operations alone."""

    name: str
    seconds: float
    flop: int
    alone: float


def measure(size: Size, side: str, device: str, rounds: int) -> list[Part]:
    """The parts of a step, ``data`` and ``optimisers`` among them."""
    settings = RuntimeSettings(device=device, **RUNTIMES[side])
    with session(settings, seed=SEED) as placement:
        step, batches = our_side(size, placement)
        assert isinstance(step, AdversarialStep)
        clock = Clock(device)
        instrument(step, clock)
        for iteration in range(2):
            step(*next(batches), iteration)
        recorder = Recorder(clock)
        with recorder:
            step(*next(batches), 2)
        parts: dict[str, list[float]] = defaultdict(list)
        for iteration in range(rounds):
            clock.seconds.clear()
            with clock.part("optimisers"):
                with clock.part("data"):
                    batch = next(batches)
                step(*batch, 3 + iteration)
            for name, seconds in clock.seconds.items():
                parts[name].append(seconds)
        with torch.no_grad():
            return [_part(n, statistics.median(s), recorder, device) for n, s in parts.items()]


def _part(name: str, seconds: float, recorder: Recorder, device: str) -> Part:
    calls = recorder.calls[name]
    return Part(
        name,
        seconds,
        sum(count * flop(call) for call, count in calls.items()),
        sum(count * best_seconds(call, device, rounds=3) for call, count in calls.items()),
    )


def show(parts: list[Part], total: Part) -> None:
    """Print the parts, the longest first."""
    print(
        f"{'part':15}{'seconds':>9}{'share':>8}{'GFLOP':>9}{'GFLOP/s':>10}{'alone':>9}{'of it':>8}"
    )
    for part in (*sorted(parts, key=lambda p: -p.seconds), total):
        line = f"{part.name:15}{part.seconds:9.3f}{part.seconds / total.seconds:8.1%}"
        if part.flop:
            line += f"{part.flop / 1e9:9.1f}{part.flop / part.seconds / 1e9:10.1f}"
            line += f"{part.flop / part.alone / 1e9:9.1f}{part.alone / part.seconds:8.1%}"
        print(line)


def benchmark(quick: bool) -> Iterator[Figure]:
    """What of their kernels' own pace the whole step and its parts reach."""
    size, device = SIZES["study" if quick else "paper"], detect_device()
    parts = measure(size, "channels-last", device, rounds=2 if quick else ROUNDS)
    total = Part("step", *(sum(getattr(p, a) for p in parts) for a in ("seconds", "flop", "alone")))
    show(parts, total)
    for part in (total, *parts):
        if part.flop:
            target = TARGET if part is total and not quick and device == "cpu" else None
            detail = f"{part.flop / part.seconds / 1e9:.0f} of {part.flop / part.alone / 1e9:.0f}"
            yield Figure(
                f"roofline/{part.name}",
                part.alone / part.seconds,
                target,
                better="higher",
                detail=f"{detail} GFLOP/s",
            )
    waited = next(part.seconds for part in parts if part.name == "data")
    yield Figure("roofline/data wait by step", waited / total.seconds, 0.02)


if __name__ == "__main__":
    run_benchmark(benchmark)
