"""Check a data set from end to end: every file decodes, and its store, if any, is whole."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from srbench.data.cache import hash_files
from srbench.data.dataset import Dataset, DatasetManifest
from srbench.data.store import INDEX_FILE, ImageStore, store_key
from srbench.files import available_cores, cache_folder, sha256_hex
from srbench.imaging.files import read_image
from srbench.imaging.pixels import pixels_sha256


@dataclass(frozen=True, kw_only=True)
class VerifiedDataset:
    """What was found: the manifest of the files as they are now, and the store made of them.

    Attributes:
        manifest: hashes over names and contents of the files.
        pixels_sha256: of the set's pixels, whatever its files are called.
        store: the store made of them, if any.
    """

    manifest: DatasetManifest
    pixels_sha256: str
    store: ImageStore | None


def verify_dataset(dataset: Dataset) -> VerifiedDataset:
    """Read every file anew, trusting no hash from before, and every pixel of the store.

    Raises:
        ImageError: a file does not decode; the message names it.
        DataError: the store differs from what was written.
    """
    fresh = replace(dataset)  # without the manifest that ``dataset`` may have in memory
    entries = hash_files(fresh.root, fresh.files, fresh=True)
    pixels = set_pixels_sha256(fresh.files)
    folder = cache_folder() / "stores" / store_key(fresh)
    store = ImageStore.open(folder) if (folder / INDEX_FILE).is_file() else None
    if store is not None:
        store.verify()
    manifest = DatasetManifest.of(fresh.name, entries)
    return VerifiedDataset(manifest=manifest, pixels_sha256=pixels, store=store)


def set_pixels_sha256(files: Iterable[Path]) -> str:
    """sha256 over the decoded pixels of a set's images: names and formats do not count.

    Raises:
        ImageError: a file does not decode; the message names it.
    """
    with ThreadPoolExecutor(max_workers=min(16, available_cores())) as pool:
        hashes = sorted(pool.map(lambda file: pixels_sha256(read_image(file)), files))
    return sha256_hex("".join(f"{line}\n" for line in hashes))
