"""Check a data set from end to end: every file decodes, and its store, if any, is whole."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from srbench.data.cache import hash_files
from srbench.data.dataset import Dataset, DatasetManifest
from srbench.data.store import INDEX_FILE, ImageStore, store_key
from srbench.files import available_cores, cache_folder
from srbench.imaging.files import read_image


@dataclass(frozen=True, kw_only=True)
class VerifiedDataset:
    """What was found: the manifest of the files as they are now, and the store made of them."""

    manifest: DatasetManifest
    store: ImageStore | None


def verify_dataset(dataset: Dataset) -> VerifiedDataset:
    """Read every file anew, trusting no hash from before, and every pixel of the store.

    Raises:
        ImageError: a file does not decode; the message names it.
        DataError: the store differs from what was written.
    """
    fresh = replace(dataset)  # without the manifest that ``dataset`` may have in memory
    entries = hash_files(fresh.root, fresh.files, fresh=True)
    with ThreadPoolExecutor(max_workers=min(16, available_cores())) as pool:
        for _ in pool.map(_decodes, fresh.files):
            pass
    folder = cache_folder() / "stores" / store_key(fresh)
    store = ImageStore.open(folder) if (folder / INDEX_FILE).is_file() else None
    if store is not None:
        store.verify()
    return VerifiedDataset(manifest=DatasetManifest.of(fresh.name, entries), store=store)


def _decodes(file: os.PathLike[str]) -> None:
    read_image(file)
