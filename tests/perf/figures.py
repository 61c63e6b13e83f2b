"""What every benchmark here shares: sides measured in turn, figures, ``runs/bench.json``.

A benchmark is a file ``bench_NAME.py`` with a function that yields figures, and as its last lines::

    if __name__ == "__main__":
        run_benchmark(benchmark)

``python tests/perf`` runs all of them, each in a process of its own; ``python
tests/perf/bench_NAME.py`` runs one. Ratios are measured in one run, the sides in turn, so that a
machine that is busy or warm is so for both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "runs" / "bench.json"
MACHINE = "machine"
ROUNDS = 5

sys.path.insert(0, str(ROOT / "tests" / "support"))

# What must be equal for the figures of two runs to stand in one file.
_SAME_MACHINE = ("cpu", "cores", "gpu", "torch")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a benchmark.

    Args:
        name: as in ``bench.json``, ``area/what``.
        value: measured.
        target: what it must reach, or ``None`` where it is only shown.
        unit: for people; a ratio has none.
        better: ``lower``: at most the target; ``higher``: at least.
        detail: the times behind it, for people.
    """

    name: str
    value: float
    target: float | None = None
    unit: str = ""
    better: Literal["lower", "higher"] = "lower"
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; ``None`` without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target

    def document(self) -> dict[str, Any]:
        """As it stands in ``bench.json``."""
        return {
            "value": self.value,
            "target": self.target,
            "met": self.met,
            "unit": self.unit,
            "better": self.better,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two sides measured in turn.

    Args:
        a_seconds: median of the first side.
        b_seconds: median of the second.
        ratio: median over the rounds of first by second, each of one round.
        ratios: the rounds' own, for their spread.
    """

    a_seconds: float
    b_seconds: float
    ratio: float
    ratios: tuple[float, ...] = ()

    def __str__(self) -> str:
        spread = f" ({min(self.ratios):.2f} to {max(self.ratios):.2f})" if self.ratios else ""
        return f"{self.a_seconds:.3g} s / {self.b_seconds:.3g} s{spread}"

    def figure(self, name: str, target: float | None = None) -> Figure:
        """The ratio as a figure, lower is better."""
        return Figure(name, self.ratio, target, detail=str(self))


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call; a GPU's queue is emptied before both readings of the clock."""
    _synchronize()
    start = time.perf_counter()
    work()
    _synchronize()
    return time.perf_counter() - start


def measure_sides(
    sides: Mapping[str, Callable[[], object]],
    *,
    rounds: int = ROUNDS,
    warmup: int = 1,
    clock: Callable[[Callable[[], object]], float] = timed,
) -> dict[str, list[float]]:
    """Seconds of each side in each round; every second round goes through them backwards.

    Args:
        sides: what to call.
        rounds: calls of each side that count.
        warmup: calls of each side before them.
        clock: seconds of one call, where it is not the wall time around it.
    """
    for work in sides.values():
        for _ in range(warmup):
            clock(work)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in order:
            seconds[name].append(clock(sides[name]))
    return seconds


def ratio_of(a: list[float], b: list[float]) -> Ratio:
    """The ratio of two sides that were measured in the same rounds."""
    ratios = tuple(x / y for x, y in zip(a, b, strict=True))
    return Ratio(statistics.median(a), statistics.median(b), statistics.median(ratios), ratios)


def measure_ratio(
    a: Callable[[], object],
    b: Callable[[], object],
    *,
    rounds: int = ROUNDS,
    warmup: int = 1,
    clock: Callable[[Callable[[], object]], float] = timed,
) -> Ratio:
    """How long ``a`` takes by ``b``, the two in turn."""
    seconds = measure_sides({"a": a, "b": b}, rounds=rounds, warmup=warmup, clock=clock)
    return ratio_of(seconds["a"], seconds["b"])


def describe_machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was with other work."""
    import psutil

    from srbench.devices import detect_device
    from srbench.files import available_cores
    from srbench.run.plan.environment import cpu_name

    gpu = None
    if detect_device() == "cuda":
        import torch

        gpu = torch.cuda.get_device_name()
    return {
        "cpu": cpu_name(),
        "cores": available_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpu,
        "os": platform.platform(),
        "python": platform.python_version(),
        "torch": _torch_version(),
        "glibc_tunables": os.environ.get("GLIBC_TUNABLES", ""),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def record(figures: Mapping[str, Figure] | Iterable[Figure], path: Path = OUTPUT) -> None:
    """Merge figures into a file; those of another machine or another torch are dropped from it."""
    from srbench.files import write_atomic

    found = figures.values() if isinstance(figures, Mapping) else figures
    machine = describe_machine()
    content = read(path)
    before = content.pop(MACHINE, machine)
    if any(before.get(key) != machine[key] for key in _SAME_MACHINE):
        content = {}
    content |= {figure.name: figure.document() for figure in found}
    text = json.dumps({MACHINE: machine, **dict(sorted(content.items()))}, indent=2) + "\n"
    write_atomic(path, text)


def read(path: Path = OUTPUT) -> dict[str, Any]:
    """What ``record`` wrote; empty where there is no such file yet."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def print_figures(content: Mapping[str, Any]) -> bool:
    """Print a table of figures as in ``bench.json``; whether every target is met."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", "target", "met", "detail", box=None, pad_edge=False)
    for name, entry in content.items():
        if name == MACHINE:
            continue
        sign = "<=" if entry["better"] == "lower" else ">="
        target = "" if entry["target"] is None else f"{sign} {entry['target']:.4g}"
        met = {None: "", True: "yes", False: "missed"}[entry["met"]]
        table.add_row(name, f"{entry['value']:.4g} {entry['unit']}", target, met, entry["detail"])
    # A pipe has no width: nothing is to be cut there.
    Console(width=None if sys.stdout.isatty() else 160, markup=False, highlight=False).print(table)
    return all(e["met"] is not False for name, e in content.items() if name != MACHINE)


def run_benchmark(benchmark: Callable[[bool], Iterable[Figure]]) -> None:
    """The ``main`` of a benchmark: measure, record, print.

    Args:
        benchmark: given whether to be quick (fewer rounds, smaller sizes), yields figures.
    """
    document = sys.modules["__main__"].__doc__ or ""
    parser = argparse.ArgumentParser(
        description=document, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument("--strict", action="store_true", help="exit status 1 for a missed target")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file to merge into")
    chosen = parser.parse_args()
    figures = list(benchmark(chosen.quick))
    record(figures, chosen.output)
    ok = print_figures({figure.name: figure.document() for figure in figures})
    sys.exit(0 if ok or not chosen.strict else 1)


def _synchronize() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _torch_version() -> str:
    import importlib.metadata

    return importlib.metadata.version("torch")
