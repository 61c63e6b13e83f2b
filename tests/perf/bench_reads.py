"""Reading: patches from a store that the disk has to be asked for.

3,000 images of 500x375 lie in one store (1.7 GB) on the disk of this repository. Before each side
of each round the file's pages are dropped from memory (``posix_fadvise``, ``DONTNEED``), and what
the kernel says was read since is checked. The old way is what srbench did until November 2026: a
plain memory map, and one thread that waits for each page by itself.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import count
from pathlib import Path

import numpy as np
from figures import OUTPUT, Figure, measure_sides, ratio_of, run_benchmark

from srbench.data import ImageStore
from srbench.data.draw import PatchPlan, draw_patches
from srbench.data.gather import gather_patches
from srbench.data.sampler import READERS
from srbench.data.store import INDEX_FILE, PIXELS_FILE, StoreIndex

IMAGES, SIZE = 3000, (375, 500)
PLAN = PatchPlan(patch_size=96, batch_size=16, scale=4, augment=True, margin=16)


class Plain(ImageStore):
    """The old way to the same bytes."""

    @cached_property
    def pixels(self):
        return np.memmap(self.folder / PIXELS_FILE, np.uint8, "r").reshape(-1, 3)

    def fetch(self, first, end):
        """Nothing: it was not asked for."""


def benchmark(quick: bool) -> Iterator[Figure]:
    """Milliseconds of a batch from a cold file, both ways in turn."""
    batches, seeds = 20 if quick else 60, count()
    OUTPUT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUTPUT.parent) as name:
        folder = make_store(Path(name))
        seconds = measure_sides(
            {
                "new": lambda: cold(ImageStore.open(folder), READERS, batches, next(seeds)),
                "old": lambda: cold(Plain.open(folder), 1, batches, next(seeds)),
            },
            rounds=3 if quick else 5,
            warmup=0,
            clock=lambda side: side(),
        )
    ratio = ratio_of(seconds["new"], seconds["old"])
    yield ratio.figure("reads/cold_batch_vs_plain_map", 0.2)
    yield Figure("reads/cold_batch", 1000 * ratio.a_seconds, unit="ms")


def cold(store: ImageStore, readers: int, batches: int, seed: int) -> float:
    """Seconds a batch, cut by so many threads."""

    def cut(number: int) -> None:
        drawn = draw_patches(PLAN, store.sizes, stream="bench", seed=seed, number=number)
        gather_patches(store, PLAN, drawn, np.empty((16, 128, 128, 3), np.uint8))

    drop(store.folder / PIXELS_FILE)
    before, start = read_bytes(), time.perf_counter()
    with ThreadPoolExecutor(readers) as pool:
        list(pool.map(cut, range(batches)))
    seconds, read = time.perf_counter() - start, read_bytes() - before
    if read < batches * 16 * 128 * 128 * 3:
        raise SystemExit(f"the file was not cold: the disk read {read} bytes")
    return seconds / batches


def make_store(folder: Path) -> Path:
    """A finished store of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (50, *SIZE, 3), np.uint8).tobytes()
    with (folder / PIXELS_FILE).open("wb") as file:
        for _ in range(IMAGES // 50):
            file.write(noise)
        file.flush()
        os.fsync(file.fileno())
    names = tuple(f"{number:05d}" for number in range(IMAGES))
    index = StoreIndex(names=names, sizes=(SIZE,) * IMAGES, digests=("0" * 64,) * IMAGES)
    index.write(folder / INDEX_FILE)
    return folder


def drop(file: Path) -> None:
    """Have the kernel forget the file's pages."""
    descriptor = os.open(file, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def read_bytes() -> int:
    """What this process has had the disk read so far."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("read_bytes")).split()[1])


if __name__ == "__main__":
    run_benchmark(benchmark)
