"""Choosing each loss's content scale on the validation images, never on a test set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from srbench.records import MetricInfo, Record


@dataclass(frozen=True, kw_only=True, slots=True)
class ScaleChoice:
    """The content scale that a loss is ranked at.

    Attributes:
        chosen: False where several scales were trained and validation scores are missing.
        reason: one sentence, shown with the row.
    """

    scale: float
    chosen: bool
    reason: str


def choose_scale(
    runs: Mapping[float, Sequence[Record]], metric: str, info: MetricInfo | None
) -> ScaleChoice:
    """The scale with the best last validation point, averaged over the seeds.

    Args:
        runs: content scale -> the records of one label at it, one per seed.
        metric: the suite's rank metric.
        info: what is known of it; ``None`` where no test set is scored by it.

    Only scales that finished as many seeds as the most complete scale are candidates: a scale must
    not win because its bad seed failed.
    """
    scales = sorted(runs)
    if len(scales) == 1:
        return ScaleChoice(scale=scales[0], chosen=True, reason="")
    if info is None:
        return _unchosen(scales, f"no test set is scored by {metric}")
    finished = {s: [r for r in runs[s] if r.status == "finished"] for s in scales}
    most = max(len(records) for records in finished.values())
    candidates = [s for s in scales if most and len(finished[s]) == most]
    values: dict[float, float] = {}
    for scale in candidates:
        last = [_last_score(record, metric) for record in finished[scale]]
        known = [value for value in last if value is not None]
        if len(known) < len(last):
            return _unchosen(scales, f"validation {metric} is missing at content scale {scale:g}")
        values[scale] = math.fsum(known) / len(known)
    if not values:
        return _unchosen(scales, "no content scale finished")
    sign = 1.0 if info.lower_is_better else -1.0
    best = min(values, key=lambda s: (sign * values[s], abs(math.log(s)) if s > 0 else math.inf, s))
    tried = ", ".join(f"{s:g}: {v:.4f}" for s, v in values.items())
    return ScaleChoice(
        scale=best, chosen=True, reason=f"content scale {best:g}, by validation {metric} ({tried})"
    )


def _unchosen(scales: Sequence[float], why: str) -> ScaleChoice:
    shown = min(scales, key=lambda s: (abs(math.log(s)) if s > 0 else math.inf, s))
    return ScaleChoice(scale=shown, chosen=False, reason=f"the content scale is not chosen: {why}")


def _last_score(record: Record, metric: str) -> float | None:
    points = [p for p in record.validation if metric in p.scores]
    return max(points, key=lambda p: p.iteration).scores[metric] if points else None
