"""Flags that stand beside a score; what each means is in :data:`conventions.FLAGS`."""

from __future__ import annotations

from collections.abc import Sequence

from srbench.records import MetricInfo, Record
from srbench.records.game import game_verdict
from srbench.report.convergence import Verdict
from srbench.settings.expand import CONTENT_ONLY


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
    if any(dataset in r.scores and r.scores[dataset].trained_on for r in records):
        flags.append("trained-on-test")
    if convergence == "not-converged":
        flags.append("not-converged")
    if any(record.status == "collapsed" for record in records):
        flags.append("collapsed")
    flags += game_flags(records)
    if any(
        metric.unstable(*size)
        for record in records
        if dataset in record.scores
        for size in record.scores[dataset].sizes.values()
    ):
        flags.append("small-image")
    return tuple(flags)


def game_flags(records: Sequence[Record]) -> tuple[str, ...]:
    """How the adversarial game ended where it did not live, in any of the runs."""
    return tuple(sorted({v for record in records if (v := game_verdict(record.game)) is not None}))


def comparable(label: str, records: Sequence[Record]) -> bool:
    """Whether a finished row's spread over seeds may be pooled with the other losses'.

    Not of a row whose game did not live, nor of one that lacks a half of the objective; and not of
    ``pixel``, whose runs hardly differ from the warm start they all share.
    """
    control = label in ("pixel", "adversarial-only") or label.endswith(CONTENT_ONLY)
    return not control and not game_flags(records)
