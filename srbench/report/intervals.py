"""What the intervals of a table mean, in words."""

from __future__ import annotations

from collections.abc import Sequence

from srbench.report.conventions import NETWORKS_ONLY
from srbench.report.model import Intervals


def describe_intervals(seeds: Sequence[int]) -> Intervals:
    """The meaning of a table's intervals and tie groups, by its number of seeds."""
    if len(seeds) >= 2:
        return Intervals(
            kind="seeds",
            meaning=f"95 % t interval of the mean over {len(seeds)} seeds: where the mean of many "
            "trainings of this loss on these test images lies.",
            groups="Rows that share a letter are not different at the 5 % family-wise level "
            "(Tukey's HSD on the loss x seed residual, one family per data set and metric).",
        )
    return Intervals(
        kind="images",
        meaning=f"95 % bootstrap over the test images, for {NETWORKS_ONLY}: it says nothing about "
        "another training of the same loss.",
        groups="No tie groups: with one seed the spread between trainings of one loss is unknown, "
        "so no difference between losses can be told from chance, nor can the difference that this "
        "table could have found be stated. Run at least 2 seeds, better 3.",
    )
