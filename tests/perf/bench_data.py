"""Data: preparing images on two processes, the memory of it, cutting patches, waiting for them.

2,000 JPEG photographs of 500x375 are decoded into a store by one worker and by two, in turn, each
in a process of its own with an empty cache on a memory disk where there is one: what is measured is
the decoding, not the disk. Peak memory is that of the process and of all that it started.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import ROOT, Figure, measure_ratio, measure_sides, ratio_of, run_benchmark

IMAGES, SIZE, DIFFERENT = 2000, (500, 375), 100
MEMORY_DISK = Path("/dev/shm")
BATCH, PATCH = 16, 96


def benchmark(quick: bool) -> Iterator[Figure]:
    """All figures; ``quick``: half of the images, fewer rounds."""
    fast = str(MEMORY_DISK) if MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(dir=fast) as name:
        folder = Path(name)
        count = make_photographs(folder / "photographs", IMAGES // 2 if quick else IMAGES)
        yield from preparing(folder, count, rounds=2 if quick else 5)
        yield from sampling(folder, quick)
        yield from waiting(folder, iterations=20 if quick else 100)


def make_photographs(folder: Path, count: int) -> int:
    """So many JPEG files of photographs; a hundred different ones, or fewer."""
    from PIL import Image

    roots = [Path(p) for p in os.environ.get("SRBENCH_DATA", "").split(os.pathsep) if p]
    roots.append(ROOT.parent / "shared" / "data")
    source = next((r / "bsds-train300" for r in roots if (r / "bsds-train300").is_dir()), None)
    if source is None:
        from srbench.data import find_dataset

        files = list(find_dataset("photos").files)
    else:
        files = sorted(source.iterdir())[:DIFFERENT]
    folder.mkdir()
    for index, file in enumerate(files):
        with Image.open(file) as image:
            small = image.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)
        small.save(folder / f"{index:05d}.jpg", quality=92)
    for index in range(len(files), count):
        original = folder / f"{index % len(files):05d}.jpg"
        (folder / f"{index:05d}.jpg").write_bytes(original.read_bytes())
    return count


def preparing(folder: Path, count: int, rounds: int) -> Iterator[Figure]:
    """Two workers against one, and the memory that either took."""
    memory: list[float] = []

    def prepare(workers: int) -> float:
        with tempfile.TemporaryDirectory(dir=folder) as cache:
            done = subprocess.run(
                [sys.executable, __file__, "--child", str(folder / "photographs"), str(workers)],
                env={**os.environ, "SRBENCH_CACHE": cache},
                capture_output=True,
                text=True,
                check=True,
            )
        found = json.loads(done.stdout)
        memory.append(found["peak_mib"])
        return found["seconds"]

    seconds = measure_sides(
        {"one": lambda: 1, "two": lambda: 2},
        rounds=rounds,
        warmup=0,
        clock=lambda workers: prepare(workers()),
    )
    scaling = ratio_of(seconds["one"], seconds["two"])
    yield Figure(
        "data/prepare_two_processes_speedup",
        scaling.ratio,
        1.7,
        better="higher",
        detail=f"{scaling}; {count} images of {SIZE[0]}x{SIZE[1]}",
    )
    yield Figure("data/prepare_peak_memory", max(memory), 600.0, "MiB")


def sampling(folder: Path, quick: bool) -> Iterator[Figure]:
    """One gather for a batch, against cutting and flipping patch by patch in Python."""
    import numpy as np

    from srbench.data.draw import PatchPlan, draw_patches
    from srbench.data.gather import gather_patches

    store = _store(folder)
    plan = PatchPlan(patch_size=PATCH, batch_size=BATCH, scale=4, augment=True, margin=16)
    side = PATCH + 2 * plan.margin
    out = np.empty((BATCH, side, side, 3), np.uint8)
    batches = [
        draw_patches(plan, store.sizes, stream="bench", seed=1, number=number)
        for number in range(20 if quick else 100)
    ]
    alone = np.empty_like(out)

    def gather() -> None:
        for drawn in batches:
            gather_patches(store, plan, drawn, out)

    def one_by_one() -> None:
        for drawn in batches:
            for n in range(BATCH):
                alone[n] = _cut(store, plan, drawn, n)

    ratio = measure_ratio(gather, one_by_one)
    if not np.array_equal(out, alone):
        raise SystemExit("the two ways of cutting patches differ")
    yield ratio.figure("data/gather_vs_patch_by_patch")


def _cut(store, plan, drawn, n):
    """Patch ``n`` with its margin, as one would write it for a single image."""
    import numpy as np

    image = store.load(int(drawn.image[n]))
    height, width = (side - side % plan.scale for side in image.shape[:2])
    margin, patch = plan.margin, plan.patch_size
    padded = np.pad(image[:height, :width], ((margin,) * 2, (margin,) * 2, (0, 0)), "symmetric")
    top, left, symmetry = int(drawn.top[n]), int(drawn.left[n]), int(drawn.symmetry[n])
    found = padded[top : top + patch + 2 * margin, left : left + patch + 2 * margin]
    found = found[::-1] if symmetry & 1 else found
    found = found[:, ::-1] if symmetry & 2 else found
    return found.transpose(1, 0, 2) if symmetry & 4 else found


def waiting(folder: Path, iterations: int) -> Iterator[Figure]:
    """Share of a warm start's time that is spent waiting for patches, as its record has it."""
    import torch

    from srbench.data import PatchSampler
    from srbench.models.plugin import builtin_generator

    torch.manual_seed(1)
    network = builtin_generator("msrresnet", {"blocks": 8, "channels": 32}, 4).build(seed=1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    sampler = PatchSampler(_store(folder), patch_size=64, batch_size=BATCH, scale=4, seed=1)
    with sampler:
        for _ in range(iterations):
            lr, hr = sampler.next()
            optimizer.zero_grad()
            torch.nn.functional.l1_loss(network(lr), hr).backward()
            optimizer.step()
        share = sampler.wait_fraction
    yield Figure(
        "data/waiting_share_of_a_small_step",
        share,
        0.02,
        detail=f"{iterations} iterations of the generator of `quick` alone: the shortest step here",
    )


def _store(folder: Path):
    from srbench.data import find_dataset, prepare_store

    return prepare_store(find_dataset(f"folder:{folder / 'photographs'}"), cache=folder / "cache")


def _child(folder: str, workers: int) -> dict[str, float]:
    from srbench.data import find_dataset, prepare_store

    dataset = find_dataset(f"folder:{folder}")
    start = time.perf_counter()
    prepare_store(dataset, workers=workers)
    seconds = time.perf_counter() - start
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # Of its children the system tells the largest one: none takes more.
    return {"seconds": seconds, "peak_mib": (own + workers * largest) / 1024}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(_child(sys.argv[2], int(sys.argv[3]))))
    else:
        run_benchmark(benchmark)
