"""Whether a run's validation curve had settled when training ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from srbench.records import CurvePoint, Record
from srbench.report.statistics import tukey

Verdict = Literal["settled", "not-converged", "unknown"]

MIN_POINTS = 3
DRIFT_SHARE = 0.1
ERRORS = 3.0


def curve_verdict(
    points: Sequence[CurvePoint], metric: str, *, tolerance: float | None = None
) -> Verdict:
    """Verdict over one curve: has ``metric`` settled over the last third?

    A straight line is fitted to the last third of the iterations. The curve is settled if the
    line's change over that third is at most ``tolerance``, or at most three times its own standard
    error; with fewer than three points in the last third it is ``unknown``.

    Args:
        tolerance: the difference that the table could find; without one (one seed) a tenth of the
            whole curve's range.
    """
    curve = sorted((p.iteration, p.scores[metric]) for p in points if metric in p.scores)
    if len(curve) < MIN_POINTS:
        return "unknown"
    iterations = np.array([i for i, _ in curve], dtype=np.float64)
    values = np.array([v for _, v in curve], dtype=np.float64)
    start, end = iterations[0], iterations[-1]
    last = iterations >= end - (end - start) / 3.0
    if last.sum() < MIN_POINTS:
        return "unknown"
    x = iterations[last] - iterations[last].mean()
    y = values[last] - values[last].mean()
    slope = float(x @ y / (x @ x))
    length = float(np.ptp(x))
    scatter = float(np.square(y - slope * x).sum()) / (len(x) - 2)
    error = length * float(np.sqrt(scatter / (x @ x)))
    drift = abs(slope) * length
    allowed = DRIFT_SHARE * float(np.ptp(values)) if tolerance is None else tolerance
    moving = drift > allowed and drift > ERRORS * error
    return "not-converged" if moving else "settled"


def detectable_drift(runs: Sequence[Sequence[Record]], metric: str, seeds: int) -> float | None:
    """The difference between two rows' last validation scores that the seeds could show.

    Args:
        runs: the rows, each with its runs by seed; those without all ``seeds`` are passed over.

    Returns:
        ``None`` with one seed, or fewer than two rows.
    """
    last = [[_last(r, metric) for r in row] for row in runs if len(row) == seeds]
    whole = [values for values in last if None not in values]
    if seeds < 2 or len(whole) < 2:
        return None
    return tukey(np.array(whole, dtype=np.float64)).detectable


def _last(record: Record, metric: str) -> float | None:
    points = [p for p in record.validation if metric in p.scores]
    return max(points, key=lambda p: p.iteration).scores[metric] if points else None


def row_verdict(
    records: Sequence[Record], metric: str, *, tolerance: float | None = None
) -> Verdict:
    """Verdict over the mean curve of a row's seeds, at the iterations that all of them share.

    The mean is judged, not each seed: with many seeds one noisy curve would always seem to move.
    """
    curves = [
        {p.iteration: p.scores[metric] for p in r.validation if metric in p.scores} for r in records
    ]
    if not curves:
        return "unknown"
    shared = sorted(set.intersection(*(set(curve) for curve in curves)))
    mean = [
        CurvePoint(iteration=i, scores={metric: sum(c[i] for c in curves) / len(curves)})
        for i in shared
    ]
    return curve_verdict(mean, metric, tolerance=tolerance)
