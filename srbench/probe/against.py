"""Do the probe's figures tell anything of outcomes? Rank correlation with the records of a run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from srbench.records import Record

LEAST_ROWS = 4
"""Below this Fisher's transform gives no interval."""

_Z = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, kw_only=True, slots=True)
class Association:
    """One figure of the probe against one outcome over the rows of a run.

    Attributes:
        figure: of the probe, for example ``checkerboard_excess`` or ``sensitivity.shift``.
        dataset, metric: the outcome: mean over seeds of the mean over images.
        spearman: rank correlation of the two numbers as they are, whatever the metric's direction;
            ``None`` where one of the two is constant.
        low, high: 95 % interval by Fisher's transform with the standard error of Bonett and Wright
            (Psychometrika 65(1), 2000): of these losses as a sample.
        rows: losses that have both.
    """

    figure: str
    dataset: str
    metric: str
    spearman: float | None
    low: float | None
    high: float | None
    rows: int


def largest_table(records: Iterable[Record]) -> list[Record]:
    """Of several tables the one with the most records: the same training may be in each."""
    tables: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for record in records:
        suite = record.suite
        tables[suite.name, suite.version, suite.conditions, record.protocol].append(record)
    return max(tables.values(), key=len, default=[])


def outcomes(records: Iterable[Record]) -> dict[tuple[str, str], dict[str, float]]:
    """(data set, metric) -> label -> mean over seeds, of finished rows that a loss trained.

    Where a row has several content scales, all of them are averaged: the probe does not know of it.

    Args:
        records: of one table.
    """
    means: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.status != "finished" or not record.loss.terms:
            continue
        for dataset, scores in record.scores.items():
            for metric, values in scores.metrics.items():
                means[dataset, metric][record.loss.label].append(values.mean)
    return {
        key: {label: math.fsum(found) / len(found) for label, found in by_label.items()}
        for key, by_label in means.items()
    }


def figures(document: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a probe's document by name, without costs: what a loss sees."""
    found = {
        name: float(document[name])
        for name in (
            "gradient_norm", "checkerboard_share", "checkerboard_excess", "grid_unevenness",
            "reach", "reach_95",
        )
    }  # fmt: skip
    found["high_frequency_share"] = float(document["bands"][-1])
    for change, value in document["sensitivity"].items():
        found[f"sensitivity.{change}"] = float(value)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def associate(
    probes: Mapping[str, Mapping[str, float]],
    results: Mapping[tuple[str, str], Mapping[str, float]],
) -> tuple[Association, ...]:
    """Every figure against every outcome that at least four rows have.

    Args:
        probes: label -> figure -> value.
        results: (data set, metric) -> label -> value.
    """
    names = sorted({name for found in probes.values() for name in found})
    made = []
    for (dataset, metric), by_label in results.items():
        for name in names:
            labels = [label for label in by_label if name in probes.get(label, {})]
            if len(labels) < LEAST_ROWS:
                continue
            pairs = np.array([(probes[label][name], by_label[label]) for label in labels])
            value, low, high = spearman(pairs[:, 0], pairs[:, 1])
            made.append(
                Association(
                    figure=name, dataset=dataset, metric=metric, spearman=value, low=low,
                    high=high, rows=len(labels),
                )
            )  # fmt: skip
    return tuple(made)


def spearman(x: Any, y: Any) -> tuple[float | None, float | None, float | None]:
    """Spearman's correlation and its 95 % interval; all ``None`` where one side is constant."""
    if len(set(x)) < 2 or len(set(y)) < 2:
        return None, None, None
    value = float(stats.spearmanr(x, y).statistic)
    if abs(value) > 1.0 - 1e-12:
        return value, None, None  # the transform has no end there
    half = _Z * math.sqrt((1.0 + value**2 / 2.0) / (len(x) - 3))
    centre = math.atanh(value)
    return value, math.tanh(centre - half), math.tanh(centre + half)
