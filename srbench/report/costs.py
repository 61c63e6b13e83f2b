"""What the rows cost, kept apart by device: figures of two devices never share a column."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from srbench.records import Cost, Record
from srbench.report.model import CostLine


def cost_lines(records: Iterable[Record]) -> tuple[CostLine, ...]:
    """Means over seeds and scales per (device, label), devices and labels sorted.

    Failed and collapsed runs are left out: a run that stopped early would look cheap.
    """
    groups: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for record in records:
        if record.cost is not None and record.status == "finished":
            groups[record.cost.device, record.loss.label].append(record.cost)
    return tuple(_line(*key, groups[key]) for key in sorted(groups))


def _line(device: str, label: str, costs: Sequence[Cost]) -> CostLine:
    return CostLine(
        device=device,
        label=label,
        seeds=len(costs),
        iterations_per_second=_mean([c.iterations_per_second for c in costs]),
        seconds=_mean([c.seconds for c in costs]),
        peak_memory_bytes=_mean([c.peak_memory_bytes for c in costs]),
        loss_gflops_per_step=_mean([c.loss_gflops_per_step for c in costs]),
        loss_parameters=_mean([c.loss_parameters for c in costs]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
