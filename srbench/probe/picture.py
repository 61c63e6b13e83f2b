"""One picture that compares losses: gradient, spectrum, sensitivities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from srbench.probe.measure import Probe

_BANDS = ("to 1/32", "to 1/16", "to 1/8", "to 1/4", "above")


def draw(probes: Sequence[Probe], path: Path) -> None:
    """Write a picture with one row per loss.

    Left: the gradient at SR of the first photograph, each scaled to its own 99th percentile.
    Middle: share of the gradient's energy per band of spatial frequency (cycles per pixel). Right:
    the amplitude of noise that costs as much as each change, over the change's; 1 is L2.

    Args:
        probes: one or more.
        path: the file; its suffix gives the format (PNG, SVG, PDF).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.1 * len(probes) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid: Any = figure.subplots(len(probes), 3, squeeze=False, width_ratios=(1, 1.6, 1.6))
    top = max(value for probe in probes for value in probe.bands)
    for (left, middle, right), probe in zip(grid, probes, strict=True):
        _gradient(left, probe)
        middle.bar(_BANDS, probe.bands, color="#4477aa")
        middle.set_ylim(0, 1.05 * top)
        _sensitivities(right, probe)
    grid[0][0].set_title("gradient at SR", fontsize=9)
    grid[0][1].set_title("energy by frequency (cycles/px)", fontsize=9)
    grid[0][2].set_title("change in units of noise (L2 = 1)", fontsize=9)
    for axes in grid[:, 1:].flat:
        axes.tick_params(labelsize=7)
    figure.savefig(path, dpi=120)


def _gradient(axes: Any, probe: Probe) -> None:
    size = probe.gradient.abs().flatten()
    limit = float(size.kthvalue(max(1, round(0.99 * size.numel()))).values) or 1.0
    shown = (0.5 + 0.5 * probe.gradient / limit).clamp(0, 1)
    axes.imshow(shown.permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_ylabel(probe.label, fontsize=8)


def _sensitivities(axes: Any, probe: Probe) -> None:
    values = [v if math.isfinite(v) and v > 0 else math.nan for v in probe.sensitivity.values()]
    heights = [value - 1 for value in values]
    axes.bar(list(probe.sensitivity), heights, bottom=1, color="#cc6677")
    axes.set_yscale("log")
    axes.set_ylim(0.1, 10)
    axes.axhline(1, color="black", linewidth=0.6)
