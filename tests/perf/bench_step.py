"""How much faster srbench's training step is than the same step as the field writes it.

    python tests/perf/bench_step.py [--quick]

The size is the paper's: generator of 16 blocks and 64 channels, VGG16 relu5_3, 16 patches of 96 px
(``--quick``: that of the suite ``pretext-cpu``, for which the targets are not meant). Every ratio
is of two processes that take steps in turn, after two steps of each that are not counted. ``plain``
is the step of step_sides.py as a user starts it; ``same allocator`` gives it srbench's settings of
the C library's allocator. Float32 is timed in srbench's default layout, channels last, and in the
plain step's, ``contiguous``, where both compute the same bits. CUDA where there is a GPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from figures import ROUNDS, Figure, measure_sides, ratio_of, run_benchmark

from srbench.devices import detect_device
from srbench.memory import TUNABLES

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Comparison:
    """A side of step_sides.py against the plain step, and what the ratio must not exceed."""

    name: str
    side: str
    target: float | None
    same_allocator: bool = False


COMPARISONS = (
    Comparison("step/float32 by plain", "channels-last", 0.80),
    Comparison("step/float32 by plain, same allocator", "channels-last", 0.94, True),
    Comparison("step/float32 contiguous by plain", "float32", None),
    Comparison("step/float32 contiguous by plain, same allocator", "float32", None, True),
    Comparison("step/float32 compiled by plain", "compiled", None),
    Comparison("step/bf16 networks, float32 loss by plain", "bf16", 0.62),
    Comparison("step/all bf16 by plain", "all-bf16", 0.42),
)

ON_GPUS = (
    Comparison("step/float32 captured by plain", "captured", None),
    Comparison("step/float16 networks, float32 loss by plain", "float16", None),
)


class Side:
    """A process of step_sides.py."""

    def __init__(self, name: str, size: str, device: str, *, allocator: bool) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES"}
        if allocator:
            environment["GLIBC_TUNABLES"] = TUNABLES
        self._process = subprocess.Popen(
            [sys.executable, HERE / "step_sides.py", name, size, "--device", device],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self) -> None:
        """Until it has built its networks."""
        self._read("ready")

    def step(self) -> float:
        """The seconds of a step."""
        return float(self._ask("step"))

    def faults(self) -> int:
        """Page faults so far."""
        return int(self._ask("faults"))

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self, expected: str | None = None) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line or (expected is not None and line != expected):
            raise SystemExit(f"a side ended early, after {line!r}; its errors are above")
        return line


def compare(comparison: Comparison, size: str, device: str, rounds: int) -> Figure:
    """The ratio of the step's time to the plain step's."""
    warmup = 2 if device == "cpu" else 5  # the fourth is captured
    with (
        Side(comparison.side, size, device, allocator=True) as ours,
        Side("plain", size, device, allocator=comparison.same_allocator) as plain,
    ):
        sides = {"ours": ours, "plain": plain}
        for side in sides.values():
            side.wait()
        faults = {name: -side.faults() for name, side in sides.items()}
        seconds = measure_sides(
            {name: side.step for name, side in sides.items()},
            rounds=rounds,
            warmup=warmup,
            clock=lambda step: step(),  # the process that takes the step has the clock
        )
        steps = rounds + warmup
        for name, side in sides.items():
            faults[name] = (faults[name] + side.faults()) // steps
    ratio = ratio_of(seconds["ours"], seconds["plain"])
    detail = f"{ratio}; page faults a step {faults['ours']:,} / {faults['plain']:,}"
    target = comparison.target if size == "paper" and device == "cpu" else None
    return Figure(comparison.name, ratio.ratio, target, detail=detail)


def benchmark(quick: bool) -> Iterator[Figure]:
    """Every comparison."""
    device = detect_device()
    chosen = COMPARISONS
    if device == "cuda":
        low = torch.cuda.is_bf16_supported(including_emulation=False)
        chosen = (*(c for c in chosen if low or "bf16" not in c.side), *ON_GPUS)
    for comparison in chosen:
        yield compare(
            comparison,
            size="study" if quick else "paper",
            device=device,
            rounds=2 if quick else ROUNDS,
        )


if __name__ == "__main__":
    run_benchmark(benchmark)
