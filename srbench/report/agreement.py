"""What is published about the metrics' agreement with people, in words."""

from __future__ import annotations

from typing import Final

from srbench.records import AgreementInfo, MetricInfo

TRADE_OFF: Final = AgreementInfo(
    finding="No method can be best at distortion and at looking natural at once: below a bound, "
    "improving one worsens the other, whatever the distortion metric",
    source="Blau and Michaeli, The Perception-Distortion Tradeoff, CVPR 2018",
    url="https://arxiv.org/abs/1711.06077",
)


def agreement_line(metric: MetricInfo) -> str:
    """One line for the table's page; says so where nothing is on file."""
    known = metric.agreement
    if known is None:
        return f"{metric.title}: no published agreement with people is on file here"
    return f"{metric.title}: {known.finding} [{known.source}]"
