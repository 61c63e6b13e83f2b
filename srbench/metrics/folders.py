"""Scoring a folder of images against another by name-matching."""

from __future__ import annotations

import csv
import functools
import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import DataError, ImageError, UserError
from srbench.imaging import crop_to_multiple, image_size, list_images, read_image
from srbench.metrics.score import Image, ImagePair, Progress, score_images

if TYPE_CHECKING:
    from srbench.contract import MetricSpec, WeightResolver

Folder = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricScores:
    """One metric on every image.

    Attributes:
        lower_is_better: direction.
        per_image: SR file name -> score.
    """

    lower_is_better: bool
    per_image: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Mean over the images, exactly rounded, so that it does not depend on their order."""
        return math.fsum(self.per_image.values()) / len(self.per_image)


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

    def mean(self, metric: str) -> float:
        """Mean of one metric over the images."""
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
            row = [scores.per_image[image] for scores in self.metrics.values()]
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
) -> Evaluation:
    """Score every image of a folder; the same bits whatever the workers.

    Args:
        sr: folder of the images to score.
        hr: folder of ground truths of the same names; ``None`` for no-reference metrics only.
        metrics: what to compute, see :func:`srbench.metrics.resolve_metrics`.
        scale: super-resolution factor, which is the border that PSNR and SSIM leave out.
        protocol: its name.
        workers: images scored at the same time.
        device: ``cpu`` or ``cuda``.
        weights: resolver of pretrained weights; default: the weight store.
        progress: told after each image.

    Raises:
        DataError: a missing or empty folder, or names that do not match.
        ImageError: an image that cannot be read, is too small, or of another size than its HR.
        UserError: a full-reference metric without ``hr``; an unknown protocol.
        WeightsError: weights that cannot be had.
        ScoreError: a metric failed or did not give a finite number.
    """
    needy = [spec.name for spec in metrics if spec.reference == "full"]
    if hr is None and needy:
        raise UserError(
            f"expected a folder of HR images, which {', '.join(needy)} compare with; got none",
            "give --hr DIR, or ask for no-reference metrics only, such as --metric niqe",
        )
    pairs = match_folders(sr, hr, scale=scale)
    scores = score_images(
        pairs,
        metrics,
        protocol=protocol,
        scale=scale,
        workers=workers,
        device=device,
        weights=weights,
        progress=progress,
    )
    return Evaluation(
        protocol=protocol,
        scale=scale,
        images=tuple(pair.name for pair in pairs),
        metrics={
            spec.name: MetricScores(
                lower_is_better=spec.lower_is_better, per_image=scores[spec.name]
            )
            for spec in metrics
        },
    )


def match_folders(sr: Folder, hr: Folder | None, *, scale: int = 4) -> tuple[ImagePair, ...]:
    """Pair the images of two folders by file name without its suffix.

    Sizes must be equal, with the field's one exception: where an HR side is no multiple of
    ``scale``, SR may have the size that is left after cropping HR at the bottom and the right, and
    is compared with that part.

    Args:
        sr: folder of the images to score.
        hr: folder of the ground truths; ``None`` pairs each image with nothing.
        scale: super-resolution factor.

    Raises:
        DataError: a missing or empty folder, two files of one stem, or images without a partner.
        ImageError: a file that is no image, or sizes that differ.
    """
    ours = _by_stem(sr)
    if hr is None:
        return tuple(ImagePair(name=file.name, sr=file) for file in ours.values())
    theirs = _by_stem(hr)
    _check_partners(sr, hr, ours, theirs)
    return tuple(_pair(file, theirs[stem], scale) for stem, file in ours.items())


def _by_stem(folder: Folder) -> dict[str, Path]:
    files = list_images(folder)
    if not files:
        raise DataError(f"expected images in {folder}, got none")
    found: dict[str, Path] = {}
    for file in files:
        other = found.setdefault(file.stem, file)
        if other != file:
            raise DataError(
                f"expected one image called {file.stem!r} in {folder}, "
                f"got {other.name} and {file.name}",
                "remove one of them",
            )
    return found


def _check_partners(
    sr: Folder, hr: Folder, ours: Mapping[str, Path], theirs: Mapping[str, Path]
) -> None:
    missing = [file.name for stem, file in theirs.items() if stem not in ours]
    extra = [file.name for stem, file in ours.items() if stem not in theirs]
    problems = []
    if missing:
        problems.append(f"{len(missing)} without an SR image in {sr}: {_some(missing)}")
    if extra:
        problems.append(f"{len(extra)} without an HR image in {hr}: {_some(extra)}")
    if problems:
        raise DataError(
            "expected SR and HR images of the same names, got " + "; ".join(problems),
            "images are matched by file name without its suffix: rename, add or remove files",
        )


def _pair(sr: Path, hr: Path, scale: int) -> ImagePair:
    sr_size, hr_size = image_size(sr), image_size(hr)
    if sr_size == hr_size:
        return ImagePair(name=sr.name, sr=sr, hr=hr)
    if sr_size == tuple(side - side % scale for side in hr_size):
        return ImagePair(name=sr.name, sr=sr, hr=functools.partial(_cropped, hr, scale))
    raise ImageError(
        f"expected SR and HR of one size, got {_size(sr_size)} in {sr} and "
        f"{_size(hr_size)} in {hr}",
        f"check --scale (now {scale}), or that both folders hold the same images",
    )


def _cropped(hr: Path, scale: int) -> Image:
    return crop_to_multiple(read_image(hr), scale)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _inert(cell: str) -> str:
    """A file name that a spreadsheet would run as a formula, quoted."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
