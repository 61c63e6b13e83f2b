"""How a data set's images are kept for training, as the suite says: decoded once, or in files."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from srbench.data.dataset import Dataset
from srbench.data.prepare import prepare_store
from srbench.data.store import INDEX_FILE, ImageStore, PreparedImages, store_key
from srbench.data.undecoded import UndecodedImages, list_undecoded
from srbench.files import cache_folder, sha256_hex
from srbench.settings.sections import Keeping


def place_of(dataset: Dataset, keeping: Keeping) -> str:
    """Folder of the prepared images below the cache folder: the same for equal images.

    With ``files`` it is another for each folder that they lie in.
    """
    if keeping == "pixels":
        return f"stores/{store_key(dataset)}"
    root = sha256_hex(os.fsencode(dataset.root.resolve()))[:32]
    return f"lists/{root}/{store_key(dataset)}"


def prepare_images(dataset: Dataset, keeping: Keeping) -> PreparedImages:
    """The data set's images, ready for training; hours the first time for the largest sets.

    Raises:
        DataError: as of :func:`srbench.data.prepare.prepare_store`.
    """
    found = open_images(place_of(dataset, keeping))
    if found is not None:
        return found
    if keeping == "pixels":
        return prepare_store(dataset)
    return list_undecoded(dataset, cache_folder() / place_of(dataset, keeping))


def open_images(place: str) -> PreparedImages | None:
    """What was prepared at a :func:`place_of`; ``None`` where nothing is yet.

    Raises:
        DataError: it is damaged.
    """
    folder = cache_folder() / place
    if not (folder / INDEX_FILE).is_file():
        return None
    return _open(folder)


@functools.lru_cache(maxsize=4)
def _open(folder: Path) -> PreparedImages:
    """Once per process: the index of a large set takes a while to read. Its name is its content."""
    kind = ImageStore if folder.parent.name == "stores" else UndecodedImages
    return kind.open(folder)
