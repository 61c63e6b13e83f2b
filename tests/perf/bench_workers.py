"""Workers: what a job of a large training set costs before its first patches, imports not counted.

60,000 images of 32x32 (PPM) lie in 600 folders, 100 are held out, and the store is ready: the state
of every job but the first. The old way is what srbench did until November 2026: each worker walked
the folders, looked every file up and hashed all names three times, for its data, its patches and
its validation. Now the planning process does that once. CPU seconds, each in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import Figure, measure_sides, ratio_of, run_benchmark

IMAGES, FOLDERS, HELD_OUT, SIDE = 60_000, 600, 100, 32


def benchmark(quick: bool) -> Iterator[Figure]:
    """The new way by the old way, in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_tree(folder / "tree", IMAGES // 10 if quick else IMAGES)
        run(folder, "plan")
        seconds = measure_sides(
            {side: lambda side=side: run(folder, side) for side in ("new", "old")},
            rounds=3,
            warmup=0,
            clock=lambda side: side(),
        )
    ratio = ratio_of(seconds["new"], seconds["old"])
    yield ratio.figure("workers/prepared_vs_three_walks", 0.35)


def run(folder: Path, side: str) -> float:
    """CPU seconds of one side, as its process tells them."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(folder), side],
        env={**os.environ, "SRBENCH_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout)


def make_tree(folder: Path, count: int) -> None:
    """So many different images."""
    header, pixels = f"P6 {SIDE} {SIDE} 255\n".encode(), os.urandom(3 * SIDE * SIDE - 3)
    for number in range(count):
        file = folder / f"n{number % FOLDERS:05d}" / f"image_{number}.ppm"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(header + number.to_bytes(3, "big") + pixels)
    time.sleep(2.5)  # hashes of files that were written within two seconds are not remembered


SUITE = """
schema = 1
name = "tree"
version = 1
summary = "for a benchmark"
track = "raw"
seeds = [1]
metrics = ["psnr"]
data = {{ train = "folder:{tree}", val = {val}, test = ["photos-test"], patch_size = 32 }}
warm_start = {{ iterations = 1 }}
adversarial = {{ iterations = 1 }}
loss = [{{ name = "l1" }}]
"""


def child(folder: Path, side: str) -> float:
    """Plan and prepare all, or be one worker."""
    from dataclasses import replace

    from srbench.data import PatchSampler, find_dataset, prepare_store, split_validation
    from srbench.host import discover
    from srbench.run.plan.kinds import job_from_document
    from srbench.run.plan.planning import make_plan
    from srbench.run.work.stage import sampler_of
    from srbench.run.work.stage_data import held_out_images, training_images, validator_of
    from srbench.settings import parse_suite

    note, name = folder / "job.json", f"folder:{folder / 'tree'}"
    if side == "plan":
        suite = parse_suite(SUITE.format(tree=folder / "tree", val=HELD_OUT))
        job = make_plan(suite, discover(), device="cpu", pull=False).jobs[0]
        note.write_text(json.dumps(job.document()), encoding="utf-8")
        training_images(job.task), held_out_images(job.task)
        return 0.0
    began = time.process_time()
    if side == "new":
        task = job_from_document(json.loads(note.read_text(encoding="utf-8"))).task
        training_images(task)
        sampler = sampler_of(task, training_images(task), 0, task.batch_size)
        validator_of(task)
    else:
        for _ in range(3):
            # replace(): without the hashes that a part of a data set takes from the whole now
            train, val = map(replace, split_validation(find_dataset(name), HELD_OUT))
            store = prepare_store(train)
        sampler = PatchSampler(store, patch_size=32, batch_size=16, scale=4, seed=1000)
        assert len(val) == HELD_OUT
    with sampler:
        sampler.next()
    return time.process_time() - began


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(child(Path(sys.argv[2]), sys.argv[3]))
    else:
        run_benchmark(benchmark)
