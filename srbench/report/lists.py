"""Plain lists beside the table, as data: what each row cost and what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from srbench.report.model import CostLine, Row


def figure_text(value: float | None, digits: int, unit: float = 1.0) -> str:
    """A number with thousands separators; a dash where there is none."""
    return "-" if value is None else f"{value / unit:,.{digits}f}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A column of the list of costs."""

    heading: str
    text: Callable[[CostLine], str]
    value: Callable[[CostLine], str | float | None]
    descending: bool = False


def _figure(
    heading: str, name: str, digits: int, unit: float = 1.0, *, descending: bool = False
) -> Figure:
    return Figure(
        heading=heading,
        text=lambda line: figure_text(getattr(line, name), digits, unit),
        value=lambda line: getattr(line, name),
        descending=descending,
    )


COSTS: tuple[Figure, ...] = (
    _figure("iterations/s", "iterations_per_second", 2, descending=True),
    _figure("seconds", "seconds", 1),
    _figure("loss GFLOPs/step", "loss_gflops_per_step", 2),
    _figure("loss parameters", "loss_parameters", 0),
    _figure("peak memory, MiB", "peak_memory_bytes", 0, 1 << 20),
)
"""What a row cost on one device."""

LOSSES: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("label", lambda row: row.label),
    ("loss", lambda row: row.loss),
    ("task", lambda row: row.task),
    ("backbone", lambda row: row.backbone),
    ("pretrained on", lambda row: row.pretrained_on),
    ("licence", lambda row: row.license),
)
"""What each row is: heading and text."""
