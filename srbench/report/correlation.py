"""Do the metrics agree with each other over the rows at hand?"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats

from srbench.records import MetricInfo
from srbench.report.model import Correlation, Row

MIN_ROWS = 4


def metric_correlations(
    rows: Sequence[Row], datasets: Sequence[str], metrics: Sequence[MetricInfo]
) -> tuple[Correlation, ...]:
    """Spearman's and Kendall's rank correlation of every pair of metrics, per data set.

    Scores are oriented so that more is better; rows with a missing score are left out, and data
    sets with fewer than four rows have no table. A metric that is constant has no correlation.
    """
    tables = []
    for dataset in datasets:
        names = tuple(
            m.name
            for m in metrics
            if any((dataset, m.name) in r.cells for r in rows if r.kind.has_reference_scores)
        )
        complete = [r for r in rows if names and all((dataset, m) in r.cells for m in names)]
        if len(complete) < MIN_ROWS or len(names) < 2:
            continue
        sign = {m.name: -1.0 if m.lower_is_better else 1.0 for m in metrics}
        columns = {
            m: np.array([sign[m] * r.cells[dataset, m].mean for r in complete]) for m in names
        }
        tables.append(
            Correlation(
                dataset=dataset,
                metrics=names,
                rows=len(complete),
                spearman=_table(columns, names, stats.spearmanr),
                kendall=_table(columns, names, stats.kendalltau),
            )
        )
    return tuple(tables)


def _table(
    columns: dict[str, np.ndarray], names: Sequence[str], statistic: object
) -> tuple[tuple[float | None, ...], ...]:
    assert callable(statistic)

    def value(a: str, b: str) -> float | None:
        with warnings.catch_warnings():
            # A constant metric: scipy warns and gives NaN, which is shown as missing.
            warnings.simplefilter("ignore", stats.ConstantInputWarning)
            number = float(statistic(columns[a], columns[b]).statistic)
        return number if np.isfinite(number) else None

    pairs = itertools.combinations_with_replacement(range(len(names)), 2)
    found = {(i, j): value(names[i], names[j]) for i, j in pairs}
    order = range(len(names))
    return tuple(tuple(found[min(i, j), max(i, j)] for j in order) for i in order)
