"""Choosing each loss's content scale on the validation images, never on a test set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from srbench.records import MetricInfo, Record
from srbench.report.budget import Curves, quality_at

PRIMARY_BUDGET = -0.5
"""dB below the warm start at which the primary family compares and scales are chosen."""


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
    """The scale that is best at -0.5 dB on the held-out images, or else at its last point.

    The first where records hold curves on the held-out images that reach that budget: a scale must
    not win by how far it goes. Else the best last validation point, averaged over the seeds. A
    choice at the edge of several scales says so.

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
    walks = {s: validation_curves(finished[s], metric) for s in candidates}
    curves = {s: walk for s, walk in walks.items() if walk is not None}
    if curves and len(curves) == len(walks):
        reached = {s: float(quality_at(walk, PRIMARY_BUDGET).mean()) for s, walk in curves.items()}
        at_budget = {s: value for s, value in reached.items() if math.isfinite(value)}
        if at_budget:
            where = f"validation {metric} at {PRIMARY_BUDGET:g} dB"
            return _best(at_budget, scales, where, lower_is_better=info.lower_is_better)
    values: dict[float, float] = {}
    for scale in candidates:
        last = [_last_score(record, metric) for record in finished[scale]]
        known = [value for value in last if value is not None]
        if len(known) < len(last):
            return _unchosen(scales, f"validation {metric} is missing at content scale {scale:g}")
        values[scale] = math.fsum(known) / len(known)
    if not values:
        return _unchosen(scales, "no content scale finished")
    return _best(values, scales, f"validation {metric}", lower_is_better=info.lower_is_better)


def validation_curves(records: Sequence[Record], metric: str) -> Curves | None:
    """Curves ``(S,)`` on the held-out images, one per record; ``None`` where any is missing."""
    walks = [{p.coefficient: p.scores for p in r.validation_curve} for r in records]
    places = {tuple(walk) for walk in walks}
    scores = [found for walk in walks for found in walk.values()]
    if len(places) != 1 or not scores or not all({"psnr", metric} <= set(s) for s in scores):
        return None
    psnr, quality = (
        np.array([[found[name] for found in walk.values()] for walk in walks])
        for name in ("psnr", metric)
    )
    return Curves(coefficients=np.array(places.pop()), psnr=psnr, quality=quality)


def _best(
    values: Mapping[float, float], scales: Sequence[float], where: str, *, lower_is_better: bool
) -> ScaleChoice:
    sign = 1.0 if lower_is_better else -1.0
    best = min(values, key=lambda s: (sign * values[s], abs(math.log(s)) if s > 0 else math.inf, s))
    tried = ", ".join(f"{s:g}: {v:.4f}" for s, v in values.items())
    edge = best in (scales[0], scales[-1])
    warning = "; the edge of those trained: one beyond it may be better" if edge else ""
    return ScaleChoice(
        scale=best, chosen=True, reason=f"content scale {best:g}, by {where} ({tried}){warning}"
    )


def _unchosen(scales: Sequence[float], why: str) -> ScaleChoice:
    shown = min(scales, key=lambda s: (abs(math.log(s)) if s > 0 else math.inf, s))
    return ScaleChoice(scale=shown, chosen=False, reason=f"the content scale is not chosen: {why}")


def _last_score(record: Record, metric: str) -> float | None:
    points = [p for p in record.validation if metric in p.scores]
    return max(points, key=lambda p: p.iteration).scores[metric] if points else None
