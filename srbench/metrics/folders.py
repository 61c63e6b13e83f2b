"""Scoring a folder of images against another by name-matching."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from srbench.errors import SrbenchError, UserError
from srbench.metrics.matching import Folder, match_folders
from srbench.metrics.score import Progress, score_images

if TYPE_CHECKING:
    from srbench.contract import MetricSpec, WeightResolver


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricScores:
    """One metric on every image.

    Attributes:
        lower_is_better: direction.
        per_image: SR file name -> score.
        failed: SR file name -> why the metric gave it none.
    """

    lower_is_better: bool
    per_image: Mapping[str, float]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def mean(self) -> float | None:
        """Mean over the images that have a score, ``None`` where none has.

        Exactly rounded, so that it does not depend on their order.
        """
        scores = self.per_image.values()
        return math.fsum(scores) / len(scores) if scores else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Scores of a folder under one protocol.

    Attributes:
        protocol: its name.
        scale: super-resolution factor.
        images: SR file names, in natural order.
        metrics: name -> scores, in the order asked for.
    """

    protocol: str
    scale: int
    images: tuple[str, ...]
    metrics: Mapping[str, MetricScores]

    def mean(self, metric: str) -> float | None:
        """Mean of one metric over the images that it could score."""
        return self.metrics[metric].mean

    def document(self) -> dict[str, Any]:
        """The JSON document of ``srbench eval --json``."""
        return {
            "protocol": self.protocol,
            "scale": self.scale,
            "images": len(self.images),
            "metrics": {
                name: {
                    "mean": scores.mean,
                    "lower_is_better": scores.lower_is_better,
                    "per_image": dict(scores.per_image),
                    **({"failed": dict(scores.failed)} if scores.failed else {}),
                }
                for name, scores in self.metrics.items()
            },
        }

    def csv(self) -> str:
        """One line per image with a column per metric, and a last line ``mean``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["image", *self.metrics])
        for image in self.images:
            row = [scores.per_image.get(image) for scores in self.metrics.values()]
            writer.writerow([_inert(image), *row])
        writer.writerow(["mean", *(scores.mean for scores in self.metrics.values())])
        return text.getvalue()


def evaluate_folders(
    sr: Folder,
    hr: Folder | None,
    metrics: Sequence[MetricSpec],
    *,
    scale: int = 4,
    protocol: str = "y4-v2",
    workers: int = 1,
    device: str = "cpu",
    weights: WeightResolver | None = None,
    progress: Progress | None = None,
    sr_suffix: str | None = None,
    subset: bool = False,
) -> Evaluation:
    """Score every image of a folder; the same bits whatever the workers.

    A metric that fails on an image costs that score alone.

    Args:
        sr, hr, sr_suffix, subset: see :func:`srbench.metrics.matching.match_folders`; ``hr`` may be
            left out for no-reference metrics.
        metrics: what to compute, see :func:`srbench.metrics.resolve_metrics`.
        scale: super-resolution factor, which is the border that PSNR and SSIM leave out.
        protocol: its name.
        workers, device: images scored at the same time; ``cpu`` or ``cuda``.
        weights: resolver of pretrained weights; default: the weight store.
        progress: told after each image.

    Raises:
        DataError: a missing or empty folder, or names that do not match.
        ImageError: a file that is no image, or is of another size than its HR.
        UserError: a full-reference metric without ``hr``; an unknown protocol.
        WeightsError: weights that cannot be had.
    """
    if hr is None:
        _refuse_needy(metrics)
    pairs = match_folders(sr, hr, scale=scale, sr_suffix=sr_suffix, subset=subset)
    failed: dict[str, dict[str, str]] = defaultdict(dict)

    def on_failure(metric: str, image: str, error: SrbenchError) -> None:
        failed[metric][image] = error.what

    scores = score_images(
        pairs, metrics, protocol=protocol, scale=scale, workers=workers, device=device,
        weights=weights, progress=progress, on_failure=on_failure,
    )  # fmt: skip
    found = {
        spec.name: MetricScores(
            lower_is_better=spec.lower_is_better,
            per_image=scores[spec.name],
            failed=failed[spec.name],
        )
        for spec in metrics
    }
    images = tuple(pair.name for pair in pairs)
    return Evaluation(protocol=protocol, scale=scale, images=images, metrics=found)


def _refuse_needy(metrics: Sequence[MetricSpec]) -> None:
    needy = [spec.name for spec in metrics if spec.reference == "full"]
    if needy:
        raise UserError(
            f"expected a folder of HR images, which {', '.join(needy)} compare with; got none",
            "give --hr DIR, or ask for no-reference metrics only, such as --metric niqe",
        )


def _inert(cell: str) -> str:
    """A file name that a spreadsheet would run as a formula, quoted."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
