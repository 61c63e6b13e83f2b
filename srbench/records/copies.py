"""Two records of one and the same images, which two machines scored."""

from __future__ import annotations

from collections.abc import Mapping

from srbench.records.schema import Record
from srbench.records.scores import DatasetScores


def same_images(first: Record, second: Record) -> bool:
    """Whether one network made both, or none, and all images are the same, by pixel hash.

    Their scores are then equal but for the last digits, in which processors differ. Records of
    before images had hashes are never said to be such copies.
    """
    if _generator(first) != _generator(second):
        return False
    pairs = [(first.scores, second.scores)]
    if first.curve and second.curve:
        if [p.coefficient for p in first.curve] != [p.coefficient for p in second.curve]:
            return False
        both = zip(first.curve, second.curve, strict=True)
        pairs += [(one.scores, other.scores) for one, other in both]
    return all(_same_pixels(one, other) for one, other in pairs)


def _generator(record: Record) -> str | None:
    artifact = record.artifacts.get("generator")
    return None if artifact is None else artifact.sha256


def _same_pixels(one: Mapping[str, DatasetScores], other: Mapping[str, DatasetScores]) -> bool:
    return bool(one) and one.keys() == other.keys() and all(
        scores.pixels_sha256 and scores.pixels_sha256 == other[dataset].pixels_sha256
        for dataset, scores in one.items()
    )  # fmt: skip
