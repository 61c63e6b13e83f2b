"""Images ready to be trained on, behind one interface, and the store that most of them lie in.

The store: every pixel of a data set, decoded once, in one memory-mapped file. A finished store is a
folder with two files::

    pixels.u8    the images one after another, each (H, W, 3) uint8 RGB, rows first
    index.json   names, sizes and the sha256 of each image's pixels

Its name is a hash of the data set's manifest, so equal images share a store and changed ones never
do. It is written by :func:`srbench.data.prepare.prepare_store`.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from srbench.data.dataset import Dataset
from srbench.errors import DataError
from srbench.files import sha256_hex, write_atomic
from srbench.imaging.pixels import Image

IntArray = npt.NDArray[np.int64]

STORE_VERSION = 1
PIXELS_FILE, INDEX_FILE = "pixels.u8", "index.json"


def store_key(dataset: Dataset) -> str:
    """Name of the data set's store, 32 hexadecimal digits: its files' bytes, names and order."""
    text = "\n".join([f"srbench-store-v{STORE_VERSION}", dataset.manifest().sha256, *dataset.names])
    return sha256_hex(text)[:32]


@dataclass(frozen=True, kw_only=True)
class StoreIndex:
    """What ``index.json`` holds: one entry per image, in the order of the pixels.

    Args:
        names: unique names, as in :attr:`srbench.data.dataset.Dataset.names`.
        sizes: ``(height, width)``, pixels.
        digests: sha256 of each image's pixels, or of its file's bytes, hexadecimal.
        files: where the images lie that are not in a store.
    """

    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    digests: tuple[str, ...]
    files: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write it as JSON, atomically."""
        content = {
            "version": STORE_VERSION,
            "names": self.names,
            "sizes": self.sizes,
            "digests": self.digests,
            **({"files": self.files} if self.files else {}),
        }
        write_atomic(path, json.dumps(content), sync=False)

    @classmethod
    def read(cls, path: Path) -> StoreIndex:
        """Read it back.

        Raises:
            DataError: it is damaged or of another version.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["version"] != STORE_VERSION:
                raise ValueError(f"version {content['version']}")
            sizes = tuple((int(height), int(width)) for height, width in content["sizes"])
            index = cls(
                names=tuple(content["names"]),
                sizes=sizes,
                digests=tuple(content["digests"]),
                files=tuple(content.get("files", ())),
            )
            columns = (index.names, index.sizes, index.digests, index.files or index.names)
            if not index.names or len({len(column) for column in columns}) != 1:
                raise ValueError("its columns differ in length")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(path.parent, str(error)) from error
        return index


@dataclass(frozen=True, kw_only=True)
class PreparedImages(ABC):
    """Images of any size that patches can be cut from; open them with :meth:`open`."""

    folder: Path
    index: StoreIndex = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Those in a folder.

        Raises:
            DataError: there are none, or they are damaged.
        """
        if not (folder / INDEX_FILE).is_file():
            raise DataError(f"expected a prepared image store, got {folder} without {INDEX_FILE}")
        return cls(folder=folder, index=StoreIndex.read(folder / INDEX_FILE))

    @abstractmethod
    def load(self, index: int) -> Image:
        """Image ``index`` as uint8 RGB ``(H, W, 3)``, read-only."""

    @abstractmethod
    def pixels_of(
        self, images: IntArray, first: IntArray, end: IntArray
    ) -> tuple[npt.NDArray[np.uint8], IntArray]:
        """Pixels ``(P, 3)`` that hold these images, and where each of them starts there, ``(N,)``.

        Args:
            images: indices, ``(N,)``; one may occur twice.
            first: the first pixel of each image that will be read, ``(N,)``.
            end: behind the last one, likewise.
        """

    def __len__(self) -> int:
        return len(self.index.names)

    @property
    def key(self) -> str:
        """The store's name; equal keys hold equal images in equal order."""
        return self.folder.name

    @property
    def names(self) -> tuple[str, ...]:
        """Unique names of the images."""
        return self.index.names

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """``(N, 2)``: height and width of each image, pixels."""
        return np.array(self.index.sizes, dtype=np.int64).reshape(-1, 2)

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        # Workers open the folder again instead of receiving a copy of the pixels.
        return type(self).open, (self.folder,)


class ImageStore(PreparedImages):
    """Images behind one array that is mapped from the disk."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As :meth:`PreparedImages.open`; the file of pixels must have its full size."""
        store = super().open(folder)
        expected = int(store.offsets[-1]) * 3
        pixels = folder / PIXELS_FILE
        found = pixels.stat().st_size if pixels.is_file() else 0
        if found != expected:
            raise _damaged(folder, f"{PIXELS_FILE} has {found} bytes instead of {expected}")
        return store

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """``(N + 1,)``: where each image starts in :attr:`pixels`, and their end."""
        return np.concatenate([[0], np.cumsum(self.sizes.prod(axis=1))]).astype(np.int64)

    @cached_property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """``(pixels, 3)``: all images one after another, read-only, mapped from the disk."""
        return np.frombuffer(self._mapped, np.uint8).reshape(-1, 3)

    @cached_property
    def _mapped(self) -> mmap.mmap:
        with (self.folder / PIXELS_FILE).open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if sys.platform != "win32" and hasattr(mmap, "MADV_RANDOM"):
            # Patches lie anywhere: what a disk reads ahead of one of them is read in vain.
            mapped.madvise(mmap.MADV_RANDOM)
        return mapped

    def pixels_of(
        self, images: IntArray, first: IntArray, end: IntArray
    ) -> tuple[npt.NDArray[np.uint8], IntArray]:
        """All of them: what will be read is asked for, and comes as it is touched."""
        offsets = self.offsets[images]
        self.fetch(offsets + first, offsets + end)
        return self.pixels, offsets

    def fetch(self, first: IntArray, end: IntArray) -> None:
        """Have the disk read ``pixels[first:end]`` of each pair, all at once and without waiting.

        Else each page of 4 KiB that is touched for the first time is waited for by itself.
        """
        if sys.platform != "win32" and hasattr(mmap, "MADV_WILLNEED"):
            start = 3 * first // mmap.PAGESIZE * mmap.PAGESIZE
            for begin, length in zip(start.tolist(), (3 * end - start).tolist(), strict=True):
                self._mapped.madvise(mmap.MADV_WILLNEED, begin, length)

    def load(self, index: int) -> Image:
        """A view into the mapped file."""
        height, width = self.sizes[index]
        first, end = self.offsets[index : index + 2]
        self.fetch(first[None], end[None])
        return self.pixels[first:end].reshape(int(height), int(width), 3)

    def verify(self) -> None:
        """Read every pixel and compare it with the hashes of the index.

        Raises:
            DataError: an image differs; the message names the store and the command that mends it.
        """
        for index, digest in enumerate(self.index.digests):
            if hashlib.sha256(self.load(index).data).hexdigest() != digest:
                raise _damaged(self.folder, f"the pixels of {self.names[index]} changed")


def _damaged(folder: Path, why: str) -> DataError:
    return DataError(
        f"expected an intact image store, got a damaged one in {folder}: {why}",
        "delete that folder; it is made again from the images",
    )
