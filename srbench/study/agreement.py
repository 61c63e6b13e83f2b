"""Every metric against the raters of a study, on the crops that they saw.

The same comparison as ``srbench agree``: crops of one place are compared with each other, places
are resampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import SrbenchError, UserError
from srbench.records.opinions import HR
from srbench.report.opinions import MetricAgreement, agreement
from srbench.study.analysis import Findings
from srbench.study.document import StudyFolder

if TYPE_CHECKING:
    from srbench.contract import MetricSpec

Crop = tuple[str, str]
"""(row, place)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CropScores:
    """Metric -> crop -> score; metrics that could not score the crops, and why."""

    scores: Mapping[str, Mapping[Crop, float]]
    failed: Mapping[str, str]


def score_crops(
    folder: StudyFolder, specs: Sequence[MetricSpec], *, workers: int = 1
) -> CropScores:
    """Score every crop of a row against HR's, under the protocol of the study's suite."""
    from srbench.metrics import ImagePair, score_images

    study = folder.study
    names = {
        f"{label} {place.name}": (content, label)
        for content, place in enumerate(study.contents)
        for label in study.labels
    }
    pairs = [
        ImagePair(name=name, sr=_file(folder, content, label), hr=_file(folder, content, HR))
        for name, (content, label) in names.items()
    ]
    failed: dict[str, str] = {}

    def note(metric: str, image: str, error: SrbenchError) -> None:
        failed.setdefault(metric, error.what)

    found = score_images(
        pairs, specs, protocol=study.suite.protocol, scale=study.suite.scale,
        workers=workers, on_failure=note,
    )  # fmt: skip
    return CropScores(
        scores={
            metric: {
                (names[name][1], study.contents[names[name][0]].name): value
                for name, value in values.items()
            }
            for metric, values in found.items()
            if metric not in failed
        },
        failed=failed,
    )


def _file(folder: StudyFolder, content: int, role: str) -> Path:
    return folder.root / "media" / f"{folder.study.names[content, role]}.png"


def agree(
    scores: Mapping[Crop, float], findings: Findings, *, lower_is_better: bool
) -> tuple[MetricAgreement, MetricAgreement]:
    """A metric's agreement with the raters: by their choices, and with their order of the rows.

    Pairs: the first has the accuracy over the raters' choices, the second the rank correlation with
    each row's share of comparisons won at a place. ACR: both are those of the mean scores.

    Raises:
        UserError: too few places.
    """
    flat = {f"{label} {place}": value for (label, place), value in scores.items()}
    references = {f"{label} {place}": place for label, place in scores}
    people = {f"{label} {place}": value for (label, place), value in findings.places.items()}
    choices = [
        (f"{first} {place}", f"{second} {place}", share)
        for (place, first, second), (share, _) in findings.choices.items()
    ]
    try:
        ordered = agreement(flat, references, lower_is_better=lower_is_better, scores=people)
        if not choices:
            return ordered, ordered
        chosen = agreement(flat, references, lower_is_better=lower_is_better, choices=choices)
    except ValueError as error:
        raise UserError(str(error), "make a study of more images") from error
    return chosen, ordered
