"""Records as a tidy pandas frame, for one's own analysis: one line per score of one image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from srbench.records import Record

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("label", "seed", "scale", "dataset", "metric", "image", "score")
_STRINGS = ("label", "dataset", "metric", "image")


def tidy_scores(records: Iterable[Record]) -> pd.DataFrame:
    """All per-image scores of the records, one line each, with the columns :data:`COLUMNS`.

    The string columns are categorical. Rows that no seed changes carry the seed of their record.
    """
    import pandas as pd

    lines = [
        (record.loss.label, record.seed, record.content_scale, dataset, metric, image, score)
        for record in records
        for dataset, scores in record.scores.items()
        for metric, found in scores.metrics.items()
        for image, score in found.per_image.items()
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(dict.fromkeys(_STRINGS, "category"))
