"""Which SR image belongs to which HR image: by name, or by name up to one suffix of all of them."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from srbench.errors import DataError, ImageError, UserError
from srbench.imaging import (
    crop_to_multiple,
    image_size,
    list_images,
    name_below,
    plain_name,
    read_image,
    some_names,
)
from srbench.metrics.pairs import Image, ImagePair

Folder = str | os.PathLike[str]

_log = logging.getLogger(__name__)

# What super-resolution programs add to a name (x4, _out, _x4_ESRGAN), and data sets to HR's.
_ADDED = re.compile(r"[_\-. ].*|x\d.*", re.IGNORECASE)
_ADDED_TO_HR = re.compile(r"[_\-. ]?(HR|GT)", re.IGNORECASE)


def match_folders(
    sr: Folder,
    hr: Folder | None,
    *,
    scale: int = 4,
    sr_suffix: str | None = None,
    subset: bool = False,
) -> tuple[ImagePair, ...]:
    """Pair the images of two folders by name: their path below the folder, without its suffix.

    Where names differ by what every SR name has at its end (``0801x4`` and ``0801``), and HR's
    perhaps too (``img_001_SRF_4_HR``), that is left out and said. A folder whose images all lie
    in subfolders is read with them; where the other has none, their names are left out.

    Sizes must be equal, with the field's one exception: where an HR side is no multiple of
    ``scale``, SR may have the size that is left after cropping HR at the bottom and the right, and
    is compared with that part.

    Args:
        sr: folder of the images to score, or one image.
        hr: folder of the ground truths, or one image; ``None`` pairs each image with nothing.
        scale: super-resolution factor.
        sr_suffix: what SR names have at their end; found out where left out.
        subset: leave out images without a partner instead of refusing.

    Raises:
        DataError: a missing or empty folder, two files of one name, or images without a partner.
        ImageError: a file that is no image, or sizes that differ.
    """
    ours = _by_name(sr)
    if hr is None:
        return tuple(ImagePair(name=_shown(sr, file), sr=file) for file in ours.values())
    theirs = _by_name(hr)
    ours, theirs = _without_folders(ours, theirs), _without_folders(theirs, ours)
    if Path(sr).is_file() and Path(hr).is_file():
        partners = dict(zip(ours, theirs, strict=True))
    else:
        partners = _partners(ours, theirs, sr_suffix, subset)
    _check_partners(sr, hr, ours, theirs, partners, subset)
    return tuple(
        _pair(_shown(sr, ours[name]), ours[name], theirs[partner], scale)
        for name, partner in partners.items()
    )


def _by_name(folder: Folder) -> dict[str, Path]:
    """The images by their names: NFC, since file systems differ in how they spell an accent."""
    root = Path(folder)
    if root.is_file():
        return {plain_name(root.stem): root}
    files = list_images(root)
    below = [] if files else list_images(root, recursive=True)
    if not files and not below:
        raise DataError(f"expected images in {folder}, got none")
    if files:
        _name_subfolders(root)
    found: dict[str, Path] = {}
    for file in files or below:
        name = unicodedata.normalize("NFC", plain_name(file.relative_to(root).with_suffix("")))
        other = found.setdefault(name, file)
        if other != file:
            raise DataError(
                f"expected one image called {name!r} in {folder}, got {other.name!a} and "
                f"{file.name!a}",
                "remove one of them",
            )
    return found


def _without_folders(mine: dict[str, Path], other: Iterable[str]) -> dict[str, Path]:
    """Names without their subfolders, where the other side has none and they stay unique."""
    if any("/" in name for name in other):
        return mine
    flat = {name.rpartition("/")[2]: file for name, file in mine.items()}
    return flat if len(flat) == len(mine) else mine


def _name_subfolders(root: Path) -> None:
    folders = sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
    if folders:
        what = some_names([plain_name(name) for name in folders])
        _log.warning("left out in %s, which has images itself, the folders: %s", root, what)


def _shown(folder: Folder, file: Path) -> str:
    return file.name if file == Path(folder) else name_below(folder, file)


def _partners(
    ours: Iterable[str], theirs: Iterable[str], sr_suffix: str | None, subset: bool
) -> dict[str, str]:
    """SR name -> HR name: as they are, else without the suffixes that leave the most pairs."""
    sr, hr = list(ours), list(theirs)
    endings = [sr_suffix] if sr_suffix is not None else ["", *_endings(sr, _ADDED)]
    choices = [(a, b) for a in endings for b in ("", *_endings(hr, _ADDED_TO_HR))]
    choices.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
    matched = {choice: _without(sr, hr, *choice) for choice in choices}
    best = max(choices, key=lambda choice: len(matched[choice]))  # of equals, the shortest
    partners = matched[best]
    others = [c for c in choices if len(matched[c]) == len(partners) and matched[c] != partners]
    if others and partners:
        raise UserError(
            f"expected one way to match the names, got NAME{best[0]} and NAME{others[0][0]}",
            "say which: --sr-suffix SUFFIX",
        )
    complete = len(partners) == len(sr) == len(hr)
    if any(best) and partners and (complete or subset or sr_suffix is not None):
        _log.warning("matched %d images: SR NAME%s, HR NAME%s", len(partners), *best)
    return partners


def _endings(names: list[str], kind: re.Pattern[str]) -> list[str]:
    """What all names end with, as far as it is of that kind and leaves something of each."""
    columns = zip(*(name[::-1] for name in names), strict=False)
    same = itertools.takewhile(lambda column: len(set(column)) == 1, columns)
    common = "".join(column[0] for column in same)[::-1].rpartition("/")[2]
    room = min(len(name) for name in names) - 1
    tails = (common[at:] for at in range(len(common)))
    return [tail for tail in tails if len(tail) <= room and kind.fullmatch(tail)]


def _without(sr: list[str], hr: list[str], ours: str, theirs: str) -> dict[str, str]:
    cores = {name.removesuffix(theirs): name for name in hr if name.endswith(theirs)}
    return {
        name: cores[name.removesuffix(ours)]
        for name in sr
        if name.endswith(ours) and name.removesuffix(ours) in cores
    }


def _check_partners(
    sr: Folder,
    hr: Folder,
    ours: Mapping[str, Path],
    theirs: Mapping[str, Path],
    partners: Mapping[str, str],
    subset: bool,
) -> None:
    taken = set(partners.values())
    missing = [_shown(hr, file) for name, file in theirs.items() if name not in taken]
    extra = [_shown(sr, file) for name, file in ours.items() if name not in partners]
    problems = []
    if missing:
        problems.append(f"{len(missing)} without an SR image in {sr}: {some_names(missing)}")
    if extra:
        problems.append(f"{len(extra)} without an HR image in {hr}: {some_names(extra)}")
    if problems and not (subset and partners):
        fix = "images are matched by file name: rename, add or remove files, or give --sr-suffix"
        if partners:
            fix += f"; --subset scores the {len(partners)} that match"
        raise DataError(
            "expected SR and HR images of the same names, got " + "; ".join(problems), fix
        )
    if problems:
        _log.warning("left out: %s", "; ".join(problems))


def _pair(name: str, sr: Path, hr: Path, scale: int) -> ImagePair:
    sr_size, hr_size = image_size(sr), image_size(hr)
    if sr_size == hr_size:
        return ImagePair(name=name, sr=sr, hr=hr)
    if sr_size == tuple(side - side % scale for side in hr_size):
        return ImagePair(name=name, sr=sr, hr=functools.partial(_cropped, hr, scale))
    raise ImageError(
        f"expected SR and HR of one size, got {_size(sr_size)} in {sr} and "
        f"{_size(hr_size)} in {hr}",
        f"check --scale (now {scale}), or that both folders hold the same images",
    )


def _cropped(hr: Path, scale: int) -> Image:
    return crop_to_multiple(read_image(hr), scale)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
