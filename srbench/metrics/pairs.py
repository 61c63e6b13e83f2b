"""What is scored: images beside their ground truth, from files, arrays or functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from srbench.contract import MetricSpec
from srbench.errors import ImageError, UserError
from srbench.imaging import read_image

Image = npt.NDArray[np.uint8]
ImageSource = Path | Image | Callable[[], Image]
"""A file, an array uint8 ``(H, W, 3)``, or a function that gives one, called in the worker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePair:
    """One image to score.

    Attributes:
        name: unique among the pairs of a call; the scores are filed under it.
        sr: the image that is scored.
        hr: its ground truth, of the same size; ``None`` where only no-reference metrics run.
    """

    name: str
    sr: ImageSource
    hr: ImageSource | None = None


def check_pairs(pairs: Sequence[ImagePair], specs: Sequence[MetricSpec], workers: int) -> None:
    """Refuse two of one name, and pairs without HR where a metric compares.

    Raises:
        UserError: saying which.
    """
    if workers < 1:
        raise UserError(f"expected 1 or more workers, got {workers}")
    names = [pair.name for pair in pairs]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserError(f"expected different image names, got twice: {', '.join(twice)}")
    needy = [spec.name for spec in specs if spec.reference == "full"]
    alone = [pair.name for pair in pairs if pair.hr is None]
    if needy and alone:
        raise UserError(
            f"expected an HR image for {alone[0]!r}, which {', '.join(needy)} compare with; "
            "got none",
            "give the HR images, or ask for no-reference metrics only",
        )


def load_pair(pair: ImagePair) -> tuple[Image, Image | None]:
    """Both images, of one size.

    Raises:
        ImageError: one cannot be read, or they differ in size.
    """
    sr = _load(pair.sr)
    hr = None if pair.hr is None else _load(pair.hr)
    if hr is not None and hr.shape != sr.shape:
        raise ImageError(
            f"expected SR and HR of one size, got {_size(sr)} and {_size(hr)} for {pair.name!r}"
        )
    return sr, hr


def _load(source: ImageSource) -> Image:
    if isinstance(source, Path):
        return read_image(source)
    return source() if callable(source) else source


def work_order(pair: ImagePair) -> tuple[int, str, int]:
    """Bytes of HR (a guess at the work), its file, bytes of SR."""
    file = str(pair.hr) if isinstance(pair.hr, Path) else ""
    return _bytes(pair.hr), file, _bytes(pair.sr)


def _bytes(source: ImageSource | None) -> int:
    if isinstance(source, Path):
        return source.stat().st_size if source.exists() else 0
    return 0 if source is None or callable(source) else source.nbytes


def _size(image: Image) -> str:
    return f"{image.shape[0]} x {image.shape[1]}"
