"""Build the store of a data set: in bounded memory, on several cores, resumable at any kill.

The store grows in ``KEY.partial`` and is renamed when it is complete. Pixels reach the disk before
the digest that says so, hence whatever stopped an earlier attempt, images with a digest are whole.
Images are decoded in the order of their files, on threads, or in processes where there is enough
to do to pay for starting them. A file lock lets one process build while others wait.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from srbench.data.cache import image_sizes
from srbench.data.dataset import Dataset
from srbench.data.decoding import Decode, DecodeTask, decode_into, decode_processes
from srbench.data.positioned import BINARY, read_at, write_all
from srbench.data.store import INDEX_FILE, PIXELS_FILE, ImageStore, StoreIndex, store_key
from srbench.errors import DataError
from srbench.files import available_cores, cache_folder, locked
from srbench.imaging.listing import name_below

_DIGESTS_FILE = "digests.bin"
_DIGEST_BYTES = 32
_SYNC_EVERY = 256  # images between two writes to the disk: what a power cut can cost
_QUEUE = 512  # images that may be decoded while the disk is waited for
_PROCESS_BYTES = 1 << 26  # of image files, from which on processes pay for their start
_CHUNK = 16  # images that a process is given at a time


@dataclass(frozen=True, kw_only=True)
class StoreProgress:
    """How far a store is. The first call comes before anything is written.

    Args:
        folder: where the store will be.
        done: images in it.
        total: images of the data set.
        disk_bytes: what the finished store takes on the disk.
        free_bytes: what is free there now.
    """

    folder: Path
    done: int
    total: int
    disk_bytes: int
    free_bytes: int


def prepare_store(
    dataset: Dataset,
    *,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Callable[[StoreProgress], None] | None = None,
) -> ImageStore:
    """The data set's store, built if it is not there yet; a second call opens it at once.

    Args:
        dataset: whose images to decode.
        cache: cache folder; default ``SRBENCH_CACHE`` or the user's cache folder. Stores are in its
            subfolder ``stores``.
        workers: images decoded at the same time, each in a process of its own where the files
            are 64 MiB or more, else in a thread; default one per core, at most 16. At most one
            image per worker is in memory.
        progress: called before the first image and after each one.

    Raises:
        DataError: an image cannot be decoded or changed meanwhile, or the disk is too small.
    """
    if not dataset.files:
        raise DataError(f"expected images to prepare, got the empty data set {dataset.name!r}")
    stores = (cache_folder() if cache is None else cache) / "stores"
    folder = stores / store_key(dataset)
    if not folder.is_dir():
        with locked(stores / f"{folder.name}.lock", f"prepares {dataset.name}"):
            if not folder.is_dir():
                _Build(dataset, folder, workers or min(16, available_cores()), progress).run()
    return ImageStore.open(folder)


class _Build:
    """One attempt to complete ``folder``; the caller holds its lock."""

    def __init__(
        self,
        dataset: Dataset,
        folder: Path,
        workers: int,
        progress: Callable[[StoreProgress], None] | None,
    ) -> None:
        self.dataset = dataset
        self.folder = folder
        self.partial = folder.with_name(f"{folder.name}.partial")
        self.workers = workers
        self.progress = progress
        self.hashes = dataset.manifest().entries
        self.sizes: list[tuple[int, int]] = []
        self.offsets = np.zeros(1, np.int64)

    def run(self) -> None:
        # Its processes start while the headers are read.
        with self._decoder() as decode:
            self._place_images()
            try:
                self._require_room()
                self.partial.mkdir(exist_ok=True)
                digests = self._decode_all(decode)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise self._no_room("a full disk") from error
        index = StoreIndex(
            names=self.dataset.names,
            sizes=tuple(self.sizes),
            digests=tuple(row.tobytes().hex() for row in digests),
        )
        index.write(self.partial / INDEX_FILE)
        (self.partial / _DIGESTS_FILE).unlink()
        self.partial.rename(self.folder)

    def _place_images(self) -> None:
        """From the headers alone, so that each image has its place before any is decoded."""
        self.sizes = image_sizes(self.dataset.root, self.dataset.files)
        lengths = [height * width * 3 for height, width in self.sizes]
        self.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def _decoder(self) -> AbstractContextManager[Decode | None]:
        """Processes that decode, or nothing where threads of this process are to."""
        files = self.dataset.files
        if sys.platform == "win32":  # a child gets no pipe by its number there
            return nullcontext()
        if self.workers > 1 and sum(f.stat().st_size for f in files) >= _PROCESS_BYTES:
            return decode_processes(self.partial / PIXELS_FILE, self.workers)
        return nullcontext()

    def _decode_all(self, decode: Decode | None) -> npt.NDArray[np.uint8]:
        """Decode what earlier attempts left to do; all digests, ``(N, 32)``."""
        count = len(self.dataset)
        with (
            _sized_file(self.partial / PIXELS_FILE, int(self.offsets[-1])) as pixels,
            _sized_file(self.partial / _DIGESTS_FILE, count * _DIGEST_BYTES) as journal,
        ):
            known = np.frombuffer(bytearray(read_at(journal, count * _DIGEST_BYTES, 0)), np.uint8)
            digests = known.reshape(count, _DIGEST_BYTES)
            todo = np.flatnonzero(~digests.any(axis=1)).tolist()
            self._report(count - len(todo))
            unsynced: list[int] = []
            here: Decode = lambda tasks: [decode_into(pixels, task) for task in tasks]  # noqa: E731
            results = self._decoded(todo, decode or here, chunk=_CHUNK if decode else 1)
            for number, (index, digest) in enumerate(results, start=1):
                digests[index] = np.frombuffer(digest, np.uint8)
                unsynced.append(index)
                if number % _SYNC_EVERY == 0 or number == len(todo):
                    os.fsync(pixels)
                    for done in unsynced:
                        write_all(journal, digests[done].tobytes(), done * _DIGEST_BYTES)
                    os.fsync(journal)
                    unsynced.clear()
                self._report(count - len(todo) + number)
        return digests

    def _decoded(
        self, todo: Sequence[int], decode: Decode, chunk: int
    ) -> Iterator[tuple[int, bytes]]:
        """Write the images ``todo``, a bounded number at a time; they are given in their order."""
        waiting = iter([todo[first : first + chunk] for first in range(0, len(todo), chunk)])
        with ThreadPoolExecutor(self.workers) as pool:

            def start(chunks: int) -> Iterator[Future[list[tuple[int, bytes]]]]:
                for indices in itertools.islice(waiting, chunks):
                    yield pool.submit(self._decode, decode, indices)

            running = deque(start(max(2 * self.workers, _QUEUE // chunk)))
            try:
                while running:
                    done = running.popleft().result()
                    running.extend(start(1))
                    yield from done
            finally:
                pool.shutdown(cancel_futures=True)

    def _decode(self, decode: Decode, indices: Sequence[int]) -> list[tuple[int, bytes]]:
        return list(zip(indices, decode([self._task(i) for i in indices]), strict=True))

    def _task(self, index: int) -> DecodeTask:
        file = self.dataset.files[index]
        return DecodeTask(
            file=file,
            sha256=self.hashes[name_below(self.dataset.root, file)],
            size=self.sizes[index],
            offset=int(self.offsets[index]),
        )

    def _require_room(self) -> None:
        partial = self.partial / PIXELS_FILE
        # Windows does not say how much of a file is on the disk: then all of it is asked for.
        blocks = getattr(partial.stat(), "st_blocks", 0) if partial.is_file() else 0
        free = shutil.disk_usage(self.folder.parent).free
        if self.offsets[-1] - blocks * 512 > free:
            raise self._no_room(f"{free / 1e9:.2f} GB free")

    def _no_room(self, got: str) -> DataError:
        return DataError(
            f"expected {self.offsets[-1] / 1e9:.2f} GB of disk for the store of "
            f"{self.dataset.name!r}, got {got} at {self.folder.parent}",
            "free some space, set SRBENCH_CACHE to a folder on a larger disk, or set data.store to "
            '"files", which takes none; what is done so far is kept',
        )

    def _report(self, done: int) -> None:
        if self.progress is not None:
            state = StoreProgress(
                folder=self.folder,
                done=done,
                total=len(self.dataset),
                disk_bytes=int(self.offsets[-1]),
                free_bytes=shutil.disk_usage(self.folder.parent).free,
            )
            self.progress(state)


@contextmanager
def _sized_file(path: Path, size: int) -> Iterator[int]:
    """A file of that size, open for reading and writing; what is in it already stays."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | BINARY, 0o644)
    try:
        os.ftruncate(descriptor, size)
        yield descriptor
    finally:
        os.close(descriptor)
