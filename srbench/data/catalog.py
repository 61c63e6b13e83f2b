"""Data sets by name: which there are, where they are looked up, and how to get those missing."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from srbench.data.cache import image_sizes
from srbench.data.dataset import Dataset
from srbench.data.photos import PHOTOS, STEREO_PAIR, photo_files
from srbench.data.recipes import RECIPES, Recipe
from srbench.errors import DataError, MissingData, unknown_name
from srbench.imaging.listing import list_images, name_below

_FOLDER_PREFIX = "folder:"


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """One line of ``srbench data list``.

    Args:
        name: as a suite names it.
        summary: what it is.
        images: how many images the complete data set has; ``None`` where that varies.
        folder: where it was found, else ``None``.
        found: how many images lie there; ``None`` where nothing was found, or for large trees,
            which are not walked for a listing.
        get: how to get it.
    """

    name: str
    summary: str
    images: int | None
    folder: Path | None
    found: int | None
    get: str


def dataset_names() -> tuple[str, ...]:
    """Names that :func:`find_dataset` knows; besides them it takes ``folder:PATH``."""
    return tuple(sorted((*PHOTOS, *RECIPES)))


def find_dataset(name: str, *, count: int | None = None, seed: int = 0) -> Dataset:
    """The data set of that name.

    ``photos`` and ``photos-test`` are read from the installed scikit-image. All others are folders
    (any case) below one of the roots in ``SRBENCH_DATA``, separated by ``:``, or below ``./data``;
    except ``folder:PATH``, any folder of images. ``imagenet`` and ``folder:PATH`` are read with
    their subfolders.

    Args:
        name: one of :func:`dataset_names` or ``folder:PATH``.
        count: a subset of that many images; all where left out. Which ones depends on ``seed`` and
            the files' paths below the data set's folder only, so that it can be repeated elsewhere;
            ``manifest().files_sha256`` identifies the list. Images of ``imagenet`` with a side
            below 96 px are passed over.
        seed: of that subset.

    Raises:
        UnknownName: no such name; the nearest ones are suggested.
        DataError: it is not there (the message says where it was looked for and how to get it),
            incomplete, or has fewer than ``count`` images.
    """
    if name in PHOTOS:
        files = photo_files(name)
        dataset = Dataset(name=name, root=files[0].parent, files=files, scenes=(STEREO_PAIR,))
        return _subset(dataset, count, seed, min_side=0)
    if name.startswith(_FOLDER_PREFIX):
        return _subset(_any_folder(name), count, seed, min_side=0)
    if name not in RECIPES:
        raise unknown_name(
            "data set", name, dataset_names(), "or name any folder of images as folder:PATH"
        )
    recipe = RECIPES[name]
    root = _locate(recipe)
    if root is None:
        raise _missing(recipe)
    files = list_images(root, recursive=recipe.tree)
    if not files or (recipe.images is not None and len(files) != recipe.images):
        raise DataError(
            f"expected {recipe.images or 'some'} images of {name!r} in {root}, got {len(files)}",
            f"the folder must hold the HR images and nothing else; {recipe.get}",
        )
    chosen = set(sorted(files, key=lambda file: file.name)[:: recipe.every])
    kept = tuple(file for file in files if file in chosen)
    return _subset(Dataset(name=name, root=root, files=kept), count, seed, recipe.min_side)


def describe_datasets() -> tuple[DatasetInfo, ...]:
    """All known data sets and whether they are here, in the order of :func:`dataset_names`."""
    return tuple(_describe(name) for name in dataset_names())


def data_roots() -> tuple[Path, ...]:
    """Folders that hold data sets, in this order: those in ``SRBENCH_DATA``, then ``./data``."""
    setting = os.environ.get("SRBENCH_DATA", "")
    roots = [Path(os.path.expanduser(part)) for part in setting.split(os.pathsep) if part]
    return (*roots, Path("data"))


def _describe(name: str) -> DatasetInfo:
    if name in PHOTOS:
        files = photo_files(name)
        return DatasetInfo(
            name=name,
            summary=PHOTOS[name].summary,
            images=len(PHOTOS[name].sha256),
            folder=files[0].parent,
            found=len(files),
            get="comes with srbench",
        )
    recipe = RECIPES[name]
    root = _locate(recipe)
    found = None if root is None or recipe.tree else len(list_images(root)[:: recipe.every])
    return DatasetInfo(
        name=name,
        summary=recipe.summary,
        images=None if recipe.images is None else -(-recipe.images // recipe.every),
        folder=root,
        found=found,
        get=recipe.get,
    )


def _locate(recipe: Recipe) -> Path | None:
    """The first folder below a root that fits one of the recipe's paths, whatever its case."""
    for root in data_roots():
        for path in recipe.folders:
            for found in _walk_names(root, tuple(path.split("/"))):
                return found
    return None


def _walk_names(root: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    if not parts:
        yield root
    elif root.is_dir():
        # Sorted, so that of "Set5" and "set5" the same one is taken everywhere.
        for entry in sorted(root.iterdir()):
            if entry.name.lower() == parts[0].lower() and entry.is_dir():
                yield from _walk_names(entry, parts[1:])


def _missing(recipe: Recipe) -> MissingData:
    places = []
    for root in data_roots():
        state = "" if root.is_dir() else " (no such folder)"
        places.append(f"{root.absolute()}{state}")
    origin = "is set" if os.environ.get("SRBENCH_DATA") else "is not set"
    folders = " or ".join(repr(folder) for folder in recipe.folders)
    return MissingData(
        f"expected the data set {recipe.name!r} as a folder {folders} (any case), found none in "
        f"{', '.join(places)} (SRBENCH_DATA {origin})",
        f"{recipe.get}; unpack it as {recipe.folders[-1]!r} in a folder of your choice and set "
        "SRBENCH_DATA to that folder (several are separated by ':')",
    )


def _any_folder(name: str) -> Dataset:
    folder = Path(os.path.expanduser(name.removeprefix(_FOLDER_PREFIX)))
    if not name.removeprefix(_FOLDER_PREFIX):
        raise DataError("expected folder:PATH, got an empty path")
    files = list_images(folder, recursive=True)
    if not files:
        raise DataError(f"expected images in {folder.absolute()}, got none")
    # The record is published: it names the folder, not where on this machine it lies.
    label = re.sub(r"[^A-Za-z0-9._-]+", "_", folder.resolve().name) or "root"
    return Dataset(name=f"folder-{label}", root=folder, files=files)


def _subset(dataset: Dataset, count: int | None, seed: int, min_side: int) -> Dataset:
    """The first ``count`` large enough images in a seeded order, then sorted as they were."""
    if count is not None and count < 1:
        raise DataError(f"expected a subset of at least one image of {dataset.name!r}, got {count}")
    order: list[int] = list(range(len(dataset)))
    if count is not None:
        rank = [_subset_rank(seed, name_below(dataset.root, file)) for file in dataset.files]
        order = sorted(order, key=rank.__getitem__)
    chosen = sorted(_first_large(dataset, order, count or len(order), min_side))
    if len(chosen) < (count or 1):
        least = f" with sides of at least {min_side} px" if min_side else ""
        raise DataError(
            f"expected {count or 1} or more images of {dataset.name!r}{least}, got {len(chosen)} "
            f"in {dataset.root}"
        )
    return replace(dataset, files=tuple(dataset.files[index] for index in chosen))


def _first_large(dataset: Dataset, order: list[int], count: int, min_side: int) -> list[int]:
    """The first ``count`` of ``order`` whose sides are ``min_side`` px or more; all if fewer."""
    if not min_side:
        return order[:count]
    chosen: list[int] = []
    position = 0
    while len(chosen) < count and position < len(order):
        part = order[position : position + count - len(chosen)]
        sizes = image_sizes(dataset.root, [dataset.files[index] for index in part])
        chosen += [i for i, size in zip(part, sizes, strict=True) if min(size) >= min_side]
        position += len(part)
    return chosen


def _subset_rank(seed: int, file: str) -> bytes:
    return hashlib.sha256(f"srbench-subset-v1:{seed}:{file}".encode()).digest()
