"""What a verification found to be otherwise than stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from srbench.errors import visible
from srbench.metrics.plugin import ALL_METRICS

What = Literal["record", "suite", "data", "generator", "image", "metric", "score"]

TOLERANCES: Final[Mapping[str, float]] = MappingProxyType(
    {spec.name: spec.tolerance for spec in ALL_METRICS}
)
"""Largest difference of one image's score between two machines (PSNR in dB)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One finding about one row.

    Attributes:
        what: what it is about.
        message: one sentence for people.
        dataset, metric, image: where, as far as it is about these.
        stated: the record's score.
        recomputed: the verifier's.
    """

    what: What
    message: str
    dataset: str | None = None
    metric: str | None = None
    image: str | None = None
    stated: float | None = None
    recomputed: float | None = None

    def document(self) -> dict[str, Any]:
        """As JSON data, without what is not there."""
        pairs = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: value for name, value in pairs if value is not None}


def printable(text: str) -> str:
    """A stranger's text on a line: control and invisible characters as escapes, not too long."""
    return visible(text[:500]).replace("\n", "\\n")[:500]


def score_difference(
    *, dataset: str, metric: str, image: str, stated: float, recomputed: float
) -> Difference | None:
    """A difference where the two scores are further apart than the metric's tolerance."""
    tolerance = TOLERANCES[metric]
    if abs(stated - recomputed) <= tolerance:
        return None
    return Difference(
        what="score",
        message=(
            f"{metric} of {image!r:.80} in {dataset!r:.80}: the record states {stated:.6g}, "
            f"recomputed {recomputed:.6g} (tolerance {tolerance:g})"
        ),
        dataset=dataset,
        metric=metric,
        image=image,
        stated=stated,
        recomputed=recomputed,
    )
