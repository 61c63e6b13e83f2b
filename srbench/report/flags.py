"""Flags that stand beside a score; what each means is in :data:`conventions.FLAGS`."""

from __future__ import annotations

from collections.abc import Sequence

from srbench.records import MetricInfo, Record
from srbench.report.convergence import Verdict


def cell_flags(
    records: Sequence[Record], dataset: str, metric: MetricInfo, convergence: Verdict
) -> tuple[str, ...]:
    """Flags of one row's score on one data set by one metric.

    Args:
        records: the row's runs at its chosen scale, at least one.
    """
    loss = records[0].loss
    flags = []
    if metric.name in loss.trains_on_metrics:
        flags.append("trained-on")
    read = {weights.id for weights in loss.weights} & set(metric.weights)
    if read or metric.name in loss.shares_network_with:
        flags.append("shares-network")
    if dataset.lower() in {name.lower() for name in loss.saw_test_images}:
        flags.append("saw-test")
    if convergence == "not-converged":
        flags.append("not-converged")
    if any(record.status == "collapsed" for record in records):
        flags.append("collapsed")
    if any(
        metric.unstable(*size)
        for record in records
        if dataset in record.scores
        for size in record.scores[dataset].sizes.values()
    ):
        flags.append("small-image")
    return tuple(flags)
