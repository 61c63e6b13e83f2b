"""What a suite costs beyond its stages: warm start shared, processes, calibration, planning.

A suite of six losses is run by ``srbench run --jobs 1``. Its time, from the command to the end of
the last training job, is divided by the seconds of one warm start and of all adversarial stages (as
their results have them) and one bare start of Python with torch for each of these processes. What
is left is planning, building networks, and the calibration on 16 batches: seconds a job, whatever
the stage's length. The networks and batches are those of ``pretext-cpu``, the stages a third as
long, so that they feel it more than that suite's do.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import ROOT, Figure, run_benchmark, timed

TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "conv5_3", "relu5_3")
SUITE = """
schema = 1
name = "six"
version = 1
summary = "bench"
track = "calibrated"
seeds = [1]
metrics = ["psnr"]
[data]
train = "photos"
test = ["photos-test"]
patch_size = 64
batch_size = 4
[generator]
blocks = 8
channels = 32
[discriminator]
channels = 32
[warm_start]
iterations = {iterations}
[adversarial]
iterations = {iterations}
[calibration]
reference = "vgg16-relu5_3"
"""
BARE = "import os, torch, torchvision; os._exit(0)"
COMMAND = "from srbench.cli import main; main()"


def benchmark(quick: bool) -> Iterator[Figure]:
    """One run; ``quick``: shorter stages, so that everything else weighs more."""
    starts = [_bare_start() for _ in range(3)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began, jobs = run_suite(folder, iterations=30 if quick else 600)
    starts += [_bare_start() for _ in range(3)]
    start = statistics.median(starts)
    trained = [job for job in jobs if job["seconds"] is not None]
    warm = [job for job in trained if job["kind"] == "warm-start"]
    whole = max(job["ended"] for job in jobs) - began
    stages = sum(job["seconds"] for job in trained)
    yield Figure("suite/warm_starts_of_a_seed", len(warm), 1)
    yield Figure(
        "suite/time_vs_stages_and_process_starts",
        whole / (stages + len(trained) * start),
        1.05,
        detail=f"{whole:.1f} s / ({stages:.1f} s in {len(trained)} stages, each + {start:.2f} s)",
    )
    yield Figure(
        "suite/overhead_of_a_job",
        (whole - stages) / len(trained),
        unit="s",
        detail="from the command to the last stage's end, beyond the stages, per stage",
    )


def run_suite(folder: Path, iterations: int) -> tuple[float, list[dict]]:
    """When the command began, and kind, seconds and end of each of its training jobs."""
    losses = "".join(
        f'[[loss]]\nlabel = "vgg16-{tap}"\nname = "vgg16"\nparams = {{ tap = "{tap}" }}\n'
        for tap in TAPS
    )
    (folder / "six.toml").write_text(SUITE.format(iterations=iterations) + losses)
    began = time.time()
    _run(["-c", COMMAND, "run", "./six.toml", "--out", "out", "--device", "cpu", "--jobs", "1"],
         folder)  # fmt: skip
    jobs = []
    for file in (folder / "out" / "jobs").glob("*/job.json"):
        key = file.parent.name
        result = folder / "out" / "checkpoints" / key / "result.json"
        if not result.exists():
            continue  # scoring
        events = [json.loads(line) for line in (file.parent / "events.jsonl").open()]
        cost = json.loads(result.read_text()).get("cost")
        jobs.append({
            "kind": json.loads(file.read_text())["kind"],
            "seconds": None if cost is None else cost["seconds"],
            "ended": max(event["time"] for event in events),
        })  # fmt: skip
    return began, jobs


def _bare_start() -> float:
    return timed(lambda: _run(["-c", BARE], ROOT))


def _run(arguments: list[str], folder: Path) -> None:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{arguments} ended with {done.returncode}\n{done.stderr}")


if __name__ == "__main__":
    run_benchmark(benchmark)
