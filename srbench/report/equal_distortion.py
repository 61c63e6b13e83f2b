"""The headline from records: each row's curves beside its seeds' warm starts, read at the budgets.

A row's curve is that of the content scale which validation chose for it (its other scales' curves
are not scored on the validation images, and test images choose nothing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from srbench.records import DatasetScores, MetricInfo, Record, RowKind
from srbench.report.budget import Curves
from srbench.report.headline import BUDGETS, HeadlineFamily, Strength, headline_family, read_label
from srbench.report.model import Headline
from srbench.report.rows import BuiltRow, TableContext

DISTORTION = "psnr"
PRIMARY_BUDGET = -0.5


def read_headlines(
    records: Sequence[Record], built: Sequence[BuiltRow], context: TableContext
) -> tuple[Headline, ...]:
    """One per data set and perceptual metric that curves are scored by; the primary one first.

    The primary family is the suite's rank metric at -0.5 dB on the largest of its rank data sets.
    """
    starts = {r.seed: r for r in records if r.loss.kind is RowKind.WARM_START}
    runs: dict[str, dict[int, Record]] = {}
    chosen = {b.row.label: b.row.scale for b in built if b.row.trained}
    for record in records:
        if record.curve and record.content_scale == chosen.get(record.loss.label):
            runs.setdefault(record.loss.label, {})[record.seed] = record
    largest = max(
        (d for d in context.rank_datasets if d in context.datasets),
        key=lambda d: max((len(r.scores[d].images) for r in records if d in r.scores), default=0),
        default=None,
    )
    found = []
    for dataset in context.datasets:
        for metric in _perceptual(context):
            curves = {
                label: c
                for label, mine in runs.items()
                if (c := _curves(mine, starts, context.seeds, dataset, metric.name)) is not None
            }
            primary = (dataset, metric.name) == (largest, context.rank_metric)
            if curves:
                found.append(_headline(dataset, metric, curves, built, primary=primary))
    return tuple(sorted(found, key=lambda headline: not headline.primary))


def _perceptual(context: TableContext) -> list[MetricInfo]:
    """Metrics of perception that compare with HR, the suite's rank metric first."""
    able = [m for m in context.metrics if m.axis == "perception" and m.reference == "full"]
    return sorted(
        (m for m in able if not m.diagnostic), key=lambda m: m.name != context.rank_metric
    )


def _curves(
    runs: Mapping[int, Record],
    starts: Mapping[int, Record],
    seeds: Sequence[int],
    dataset: str,
    metric: str,
) -> Curves | None:
    """One label's curves over all seeds of the table; ``None`` where any part is missing."""
    if not set(seeds) <= set(runs) & set(starts):
        return None
    lines = [_line(runs[seed], starts[seed], dataset) for seed in seeds]
    places = {tuple(line) for line in lines}
    scores = [point.metrics for line in lines for point in line.values()]
    if len(places) > 1 or not all({DISTORTION, metric} <= set(found) for found in scores):
        return None
    psnr, quality = (
        np.array([[p.metrics[name].mean for p in line.values()] for line in lines])
        for name in (DISTORTION, metric)
    )
    return Curves(coefficients=np.array(places.pop()), psnr=psnr, quality=quality)


def _line(run: Record, start: Record, dataset: str) -> dict[float, DatasetScores]:
    """Coefficient -> scores, from the warm start to the row itself."""
    between = {p.coefficient: p.scores.get(dataset) for p in run.curve}
    line = {0.0: start.scores.get(dataset), **between, 1.0: run.scores.get(dataset)}
    return {place: scores for place, scores in line.items() if scores is not None}


def _headline(
    dataset: str,
    metric: MetricInfo,
    curves: Mapping[str, Curves],
    built: Sequence[BuiltRow],
    *,
    primary: bool,
) -> Headline:
    competing = {b.row.label for b in built if b.in_family}
    scale = {b.row.label: b.row.scale for b in built}
    strengths = {label: (Strength(value=scale[label], test=c),) for label, c in curves.items()}
    lower = metric.lower_is_better
    families = tuple(
        headline_family(
            {label: s for label, s in strengths.items() if label in competing},
            budget,
            lower_is_better=lower,
            primary=primary and budget == PRIMARY_BUDGET,
        )
        for budget in BUDGETS
    )
    return Headline(
        dataset=dataset,
        metric=metric.name,
        families=families,
        others={
            label: tuple(read_label(s, budget, lower_is_better=lower) for budget in BUDGETS)
            for label, s in strengths.items()
            if label not in competing
        },
        curves=curves,
        places=next((_places(f, lower) for f in families if f.primary), {}),
    )


def _places(family: HeadlineFamily, lower_is_better: bool) -> dict[str, float]:
    sign = 1.0 if lower_is_better else -1.0
    means = [sign * float(family.readings[label].values.mean()) for label in family.compared]
    return dict(zip(family.compared, stats.rankdata(means, method="min").tolist(), strict=True))
