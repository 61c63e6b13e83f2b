"""Flags that stand beside a score; what each means is in :data:`conventions.FLAGS`."""

from __future__ import annotations

from collections.abc import Sequence

from srbench.records import DatasetScores, Record
from srbench.report.conventions import BLOCK_METRICS, NIQE_BLOCK, NIQE_MIN_BLOCKS
from srbench.report.convergence import Verdict


def cell_flags(
    records: Sequence[Record], dataset: str, metric: str, convergence: Verdict
) -> tuple[str, ...]:
    """Flags of one row's score on one data set by one metric.

    Args:
        records: the row's runs at its chosen scale, at least one.
    """
    loss = records[0].loss
    flags = []
    if metric in loss.trains_on_metrics:
        flags.append("trained-on")
    if metric in loss.shares_network_with:
        flags.append("shares-network")
    if dataset.lower() in {name.lower() for name in loss.saw_test_images}:
        flags.append("saw-test")
    if convergence == "not-converged":
        flags.append("not-converged")
    if any(record.status == "collapsed" for record in records):
        flags.append("collapsed")
    if metric in BLOCK_METRICS and any(
        dataset in record.scores and small_images(record.scores[dataset]) for record in records
    ):
        flags.append("small-image")
    return tuple(flags)


def small_images(scores: DatasetScores) -> tuple[str, ...]:
    """Images with fewer than 9 whole blocks of 96 pixels, by ``sizes``."""
    return tuple(
        name
        for name, (height, width) in scores.sizes.items()
        if (height // NIQE_BLOCK) * (width // NIQE_BLOCK) < NIQE_MIN_BLOCKS
    )
