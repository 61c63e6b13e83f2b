"""Stated scores beside those that the verifier's own metrics give."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from srbench.errors import ImageError
from srbench.imaging import Image
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import ScoreError, Scorer
from srbench.records import DatasetScores, MetricScores, Record
from srbench.settings import Suite
from srbench.verify.curve import place
from srbench.verify.difference import Difference, printable, score_difference
from srbench.verify.identity import SPECS, excused, wanted_metrics
from srbench.verify.regenerate import TestImages


class Rescoring:
    """Scores images anew, its metrics shared between rows.

    Args:
        device: where metrics run.
        workers: images scored at the same time.
    """

    def __init__(self, *, device: str, workers: int) -> None:
        self._device = device
        self._workers = workers
        self._scorers: dict[tuple[str, int, str], Scorer] = {}
        self._found: dict[tuple[str, str], dict[str, float]] = {}

    def begin(self) -> None:
        """Forget the scores of the row before."""
        self._found = {}

    def in_place(self, record: Record) -> Record:
        """A copy of ``record`` that states what was found since :meth:`begin`."""
        curve = [
            point.but(
                scores={
                    name: self._with(scores, place(name, point))
                    for name, scores in point.scores.items()
                }
            )
            for point in record.curve
        ]
        scores = {name: self._with(stated, name) for name, stated in record.scores.items()}
        return record.but(scores=scores, curve=tuple(curve))

    def _with(self, stated: DatasetScores, where: str) -> DatasetScores:
        metrics = {
            metric: _restated(known, self._found.get((where, metric)))
            for metric, known in stated.metrics.items()
        }
        return stated.but(metrics=metrics)

    def differences(
        self,
        record: Record,
        suite: Suite,
        dataset: str,
        scores: DatasetScores,
        images: dict[str, Image],
        tests: TestImages,
    ) -> Iterator[Difference]:
        """Where ``scores`` are not what these images have.

        Args:
            dataset: how notes and differences name it.
        """
        stated = scores.metrics
        pairs = [ImagePair(name=name, sr=sr, hr=tests.hr[name]) for name, sr in images.items()]
        missing = {m for m in wanted_metrics(record, suite) if excused(record, dataset, m)}
        for metric in sorted({*stated, *missing}):
            if metric not in SPECS:
                known = record.metrics.get(metric)
                title = f"{printable(known.title):.80} " if known is not None else ""
                message = f"{title}({metric!r:.80}): none of srbench's own metrics, not recomputed"
                yield Difference(what="metric", dataset=dataset, metric=metric, message=message)
                continue
            scorer = self._scorer(record.protocol, suite.scale, metric)
            found, error = _scored(scorer, pairs, metric, self._workers)
            self._found[dataset, metric] = found
            yield from _compared(dataset, metric, stated.get(metric), found, error)

    def _scorer(self, protocol: str, scale: int, metric: str) -> Scorer:
        key = (protocol, scale, metric)
        if key not in self._scorers:
            self._scorers[key] = Scorer(
                [SPECS[metric]], protocol=protocol, scale=scale, device=self._device
            )
        return self._scorers[key]


def _restated(stated: MetricScores, found: Mapping[str, float] | None) -> MetricScores:
    if not found:
        return stated
    per_image = {image: found[image] for image in stated.per_image}
    return stated.but(per_image=per_image, mean=math.fsum(per_image.values()) / len(per_image))


def _scored(
    scorer: Scorer, pairs: list[ImagePair], metric: str, workers: int
) -> tuple[dict[str, float], str]:
    """Scores by image; empty, and why, where the metric gives no finite number."""
    try:
        return scorer.score(pairs, workers=workers)[metric], ""
    except (ScoreError, ImageError) as error:
        return {}, error.what


def _compared(
    dataset: str, metric: str, stated: MetricScores | None, scores: dict[str, float], error: str
) -> Iterator[Difference]:
    """Stated against recomputed scores, also where one of them is that there is none."""
    if stated is None and scores:
        error = f"{metric} on {dataset!r:.80} can be computed; the record says it cannot"
    if (stated is None) == bool(scores):
        yield Difference(what="metric", dataset=dataset, metric=metric, message=error)
        return
    for image, value in scores.items():
        assert stated is not None
        difference = score_difference(
            dataset=dataset,
            metric=metric,
            image=image,
            stated=stated.per_image[image],
            recomputed=value,
        )
        if difference is not None:
            yield difference
