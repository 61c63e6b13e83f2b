"""The benchmark of images measures what it names: on small ones it gives every figure."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


def test_every_figure_is_measured_on_small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)  # as `python tests/perf` has it
    bench = importlib.import_module("bench_images")
    monkeypatch.setattr(bench, "SIZES", {"480x320": (8, 12)})
    monkeypatch.setattr(bench, "GENERATORS", {"study": bench.GENERATORS["study"]})
    names = [figure.name for figure in bench.benchmark(quick=True)]
    assert len({*names}) == len(names) == 2 * 3
    assert all(name.startswith("images/study 480x320") for name in names)
