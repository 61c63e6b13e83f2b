"""Scores in a record, per image, and those between two generators."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, model_validator

from srbench.strict import Line, Number, Strict, Whole

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

Side = Annotated[int, Field(ge=1, le=1 << 20)]

MEAN_TOLERANCE = 1e-9


class MetricScores(Strict):
    """One metric on one data set, per image. ``mean`` is the plain mean of ``per_image``."""

    version: Whole
    lower_is_better: bool
    mean: Number
    per_image: dict[Line, Number] = Field(min_length=1)

    @model_validator(mode="after")
    def _mean_agrees(self) -> MetricScores:
        mean = math.fsum(self.per_image.values()) / len(self.per_image)
        if abs(mean - self.mean) > MEAN_TOLERANCE * max(1.0, abs(mean)):
            raise ValueError(
                f"the stated mean {self.mean!r} disagrees with the per-image scores, whose mean "
                f"is {mean!r}"
            )
        return self


class DatasetScores(Strict):
    """All metrics on one data set. Every metric covers exactly ``images``."""

    images: tuple[Line, ...] = Field(min_length=1)
    manifest_sha256: Sha256
    sizes: dict[Line, tuple[Side, Side]] = Field(
        default_factory=dict, description="image -> (height, width), pixels"
    )
    pixels_sha256: dict[Line, Sha256] = Field(
        default_factory=dict,
        description="image -> hash of what was scored; absent under protocols of before y4-v2",
    )
    metrics: dict[Line, MetricScores]

    @model_validator(mode="after")
    def _same_images(self) -> DatasetScores:
        expected = set(self.images)
        if len(expected) != len(self.images):
            raise ValueError("an image is named twice")
        for what, named in (("sizes", self.sizes), ("hashes", self.pixels_sha256)):
            unknown = set(named) - expected
            if unknown:
                raise ValueError(
                    f"{what} name images that are not in the set: {sorted(unknown)[:3]}"
                )
        for name, scores in self.metrics.items():
            missing = expected - set(scores.per_image)
            extra = set(scores.per_image) - expected
            if missing or extra:
                raise ValueError(
                    f"metric {name!r} must cover exactly the {len(expected)} images of the set; "
                    f"missing {sorted(missing)[:3]}, unexpected {sorted(extra)[:3]}"
                )
        return self

    def is_part_of(self, other: DatasetScores) -> bool:
        """Whether the images are the other's, and the metrics among its own."""
        ours = {(n, m.version, m.lower_is_better) for n, m in self.metrics.items()}
        theirs = {(n, m.version, m.lower_is_better) for n, m in other.metrics.items()}
        same_images = set(self.images) == set(other.images)
        return same_images and self.manifest_sha256 == other.manifest_sha256 and ours <= theirs


class Interpolated(Strict):
    """Scores between a row's warm start (coefficient 0) and its generator (1), which is the row.

    The networks lie on the straight line in parameter space (ESRGAN, section 3.4).
    """

    coefficient: Annotated[float, Field(gt=0, lt=1)]
    scores: dict[Line, DatasetScores]
