"""Test images among the training images: the same files, re-encoded copies, crops.

Files are compared by their bytes. Pictures are compared by *marks*: around each extremum of a band
of the luma, where it stands out from all else within 12 px, the signs of 64 differences between
neighbouring points of an 8 x 8 grid, 4 px apart: the difference hash of Krawetz (2013), at places
that the picture itself chooses, so that a crop has the same. Two pictures are taken for one where
several marks agree and lie at one offset.

Measured on BSD100 (481 x 321 px): each of the 400 images of ``bsds-train300`` and ``bsdt100``
shares 3 marks or fewer with it; re-encoded copies (JPEG 30, WebP 50) 29 or more, crops of half the
sides re-encoded as JPEG 50 8 or more; of its crops of 128 x 128 px 77 share 6. Not found: copies
that are resized, turned or mirrored, and small or smooth crops.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from srbench.data.dataset import Dataset
from srbench.files import available_cores, cache_folder, sha256_hex, write_atomic
from srbench.imaging.files import read_image
from srbench.imaging.listing import name_below
from srbench.imaging.pixels import Image

MARKS: Final = 150
"""At most, the strongest ones of an image."""

SAME_BITS: Final = 55
"""Of 64: two marks that agree."""

AGREEING: Final = 6
"""Marks that must agree at one offset, within 2 px."""

_VERSION = 1  # of what is kept in the cache folder
_APART, _MARGIN = 12, 20  # px
_GRID = np.arange(-16, 17, 4)
_COLUMNS, _ROWS = _GRID, _GRID[:8] + 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """A test image that is among the training images.

    Attributes:
        test: its path below the test set's folder.
        train: that of the training image.
        kind: equal files, or pictures of which one is a copy or a crop of the other.
        marks: that agree; 0 for equal files.
    """

    test: str
    train: str
    kind: Literal["same file", "near copy"]
    marks: int = 0


def overlap(train: Dataset, test: Dataset, *, near: bool = True) -> tuple[Overlap, ...]:
    """The test images that are training images too, in the order of the test set.

    Copies and crops are kept in the cache folder: the same images are compared once.

    Args:
        train: the images that are trained on.
        test: the images that are scored.
        near: look for copies and crops as well: every training image is decoded for that, unless
            they are :func:`known_copies`.

    Raises:
        DataError, ImageError: a file that cannot be read.
    """
    found = _same_files(train, test)
    if near:
        note = _note_of(train, test)
        copies = _read(note)
        if copies is None:
            copies = _near_copies(train, test, found)
            write_atomic(note, json.dumps([asdict(copy) for copy in copies]))
        found |= {copy.test: copy for copy in copies}
    names = (name_below(test.root, file) for file in test.files)
    return tuple(found[name] for name in names if name in found)


def known_copies(train: Dataset, test: Dataset) -> bool:
    """Whether these images were compared before, so that no image need be decoded."""
    return _read(_note_of(train, test)) is not None


def _same_files(train: Dataset, test: Dataset) -> dict[str, Overlap]:
    by_hash = {digest: name for name, digest in train.manifest().entries.items()}
    return {
        name: Overlap(test=name, train=by_hash[digest], kind="same file")
        for name, digest in test.manifest().entries.items()
        if digest in by_hash
    }


def _near_copies(train: Dataset, test: Dataset, same: Mapping[str, Overlap]) -> list[Overlap]:
    named = [(name_below(test.root, file), file) for file in test.files]
    rest = [(name, file) for name, file in named if name not in same]
    if not rest:
        return []
    found: dict[str, Overlap] = {}
    with ThreadPoolExecutor(available_cores()) as pool:
        wanted = _Index([n for n, _ in rest], list(pool.map(_marks_of, (f for _, f in rest))))
        for file, (name, marks) in zip(
            train.files, pool.map(wanted.nearest, train.files), strict=True
        ):
            if marks >= AGREEING and (name not in found or marks > found[name].marks):
                trained = name_below(train.root, file)
                found[name] = Overlap(test=name, train=trained, kind="near copy", marks=marks)
    return list(found.values())


def _note_of(train: Dataset, test: Dataset) -> Path:
    these = f"{_VERSION} {train.manifest().sha256} {test.manifest().sha256}"
    return cache_folder() / "overlaps" / f"{sha256_hex(these)}.json"


def _read(note: Path) -> list[Overlap] | None:
    try:
        return [Overlap(**copy) for copy in json.loads(note.read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Marks:
    """Where they lie, ``(N, 2)`` as y, x in pixels, and their bits, ``(N, 64)`` as -1 and 1."""

    places: npt.NDArray[np.int64]
    bits: npt.NDArray[np.float32]


def find_marks(image: Image) -> Marks:
    """The marks of an image, uint8 RGB ``(H, W, 3)``."""
    from scipy import ndimage

    luma = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    fine = ndimage.gaussian_filter(luma, 2.0)
    band = np.abs(fine - ndimage.gaussian_filter(luma, 4.0))
    peak = (band == ndimage.maximum_filter(band, 2 * _APART + 1)) & (band > 1.0)
    inner = np.zeros_like(peak)
    inner[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = True
    places = np.argwhere(peak & inner)
    strongest = np.argsort(-band[tuple(places.T)], kind="stable")[:MARKS]
    places = places[strongest]
    rows = places[:, 0, None, None] + _ROWS[:, None]
    columns = places[:, 1, None, None] + _COLUMNS
    bits = np.diff(fine[rows, columns], axis=2) > 0
    return Marks(places, np.where(bits, 1, -1).reshape(len(places), 64).astype(np.float32))


def _agree(ours: Marks, theirs: Marks) -> npt.NDArray[np.bool_]:
    agree: npt.NDArray[np.bool_] = ours.bits @ theirs.bits.T >= 2 * SAME_BITS - 64
    return agree


def _most_at_one_offset(ours: Marks, theirs: Marks, pairs: npt.NDArray[np.int64]) -> int:
    if not len(pairs):
        return 0
    offsets = ours.places[pairs[:, 0]] - theirs.places[pairs[:, 1]]
    near = np.all(np.abs(offsets[:, None] - offsets[None]) <= 2, axis=2)
    together = (pairs[near[row]] for row in range(len(pairs)))
    # A mark of a repeated pattern agrees with many: it counts once.
    return max(min(len(np.unique(some[:, side])) for side in (0, 1)) for some in together)


class _Index:
    """The marks of all test images in one array."""

    def __init__(self, names: Sequence[str], marks: Sequence[Marks]) -> None:
        self.names = names
        self.owner = np.repeat(np.arange(len(marks)), [len(m.places) for m in marks])
        self.all = Marks(
            np.concatenate([m.places for m in marks]), np.concatenate([m.bits for m in marks])
        )

    def nearest(self, file: Path) -> tuple[str, int]:
        """The test image that agrees best with the image in ``file``, and in how many marks."""
        marks = _marks_of(file)
        pairs = np.argwhere(_agree(marks, self.all))
        owners = self.owner[pairs[:, 1]]
        counts = {
            int(owner): _most_at_one_offset(marks, self.all, pairs[owners == owner])
            for owner in np.unique(owners)
        }
        best = max(counts, key=lambda owner: counts[owner], default=0)
        return self.names[best], counts.get(best, 0)


def _marks_of(file: Path) -> Marks:
    return find_marks(read_image(file))
