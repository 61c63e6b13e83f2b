"""Records as a tidy pandas frame: one line per score of one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from srbench.records import Record

COLUMNS = ("label", "seed", "scale", "dataset", "metric", "image", "score")


class _Codes:
    """Integer codes of strings in order of first appearance, for a categorical column."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def code(self, name: str) -> int:
        return self.index.setdefault(name, len(self.index))

    def categorical(self, codes: npt.NDArray[np.integer[Any]]) -> pd.Categorical[Any]:
        return pd.Categorical.from_codes(codes, categories=pd.Index(list(self.index)))


def tidy_scores(records: Sequence[Record]) -> pd.DataFrame:
    """All per-image scores of the records.

    Returns:
        A frame with the columns :data:`COLUMNS`; the string columns are categorical, so that
        memory grows by a few bytes a score.
    """
    labels, datasets, metrics, images = _Codes(), _Codes(), _Codes(), _Codes()
    runs: list[tuple[int, int, float, int, int, int]] = []
    image_codes: list[np.ndarray] = []
    values: list[np.ndarray] = []
    for record in records:
        label = labels.code(record.loss.label)
        for dataset, scores in record.scores.items():
            dataset_code = datasets.code(dataset)
            names = scores.images
            codes = np.fromiter((images.code(n) for n in names), dtype=np.int32, count=len(names))
            for metric, metric_scores in scores.metrics.items():
                per_image = metric_scores.per_image
                runs.append(
                    (
                        label,
                        record.seed,
                        record.content_scale,
                        dataset_code,
                        metrics.code(metric),
                        len(names),
                    )
                )
                image_codes.append(codes)
                values.append(np.array([per_image[n] for n in names], dtype=np.float64))
    if not runs:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    label_c, seed, scale, dataset_c, metric_c, counts = zip(*runs, strict=True)

    def spread(column: Sequence[float], dtype: type) -> np.ndarray:
        return np.repeat(np.asarray(column, dtype=dtype), counts)

    return pd.DataFrame(
        {
            "label": labels.categorical(spread(label_c, np.int16)),
            "seed": spread(seed, np.int64),
            "scale": spread(scale, np.float64),
            "dataset": datasets.categorical(spread(dataset_c, np.int16)),
            "metric": metrics.categorical(spread(metric_c, np.int16)),
            "image": images.categorical(np.concatenate(image_codes)),
            "score": np.concatenate(values),
        }
    )
