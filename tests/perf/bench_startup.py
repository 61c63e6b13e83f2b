"""Start-up: how long until a job trains, and until the command line answers.

- worker: the process of an adversarial job with VGG16 as its loss, from its start until it asks for
  its first batch of patches: data found and hashed, store opened, plugins discovered, pretrained
  weights loaded, loss calibrated. Against it: a bare Python that imports what such a job cannot do
  without (torch, torchvision, numpy, Pillow, pydantic) and does nothing.
- commands: ``srbench --help`` and ``srbench losses`` against a Python that imports click and rich.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from figures import ROOT, Figure, measure_sides, ratio_of, run_benchmark

SUITE = """
schema = 1
name = "startup"
version = 1
summary = "bench"
track = "raw"
seeds = [1]
metrics = ["psnr"]
[data]
train = "photos"
test = ["photos-test"]
patch_size = 64
batch_size = 4
[generator]
blocks = 2
channels = 16
[warm_start]
iterations = 1
[adversarial]
iterations = 1
[execution]
threads = 1
[[loss]]
label = "vgg16"
name = "vgg16"
"""

BARE = "import os, numpy, PIL.Image, pydantic, torch, torchvision; os._exit(0)"
READY = """
import os, sys
from srbench.data import PatchSampler
PatchSampler.next = lambda self: os._exit(42)
from srbench.run.work.worker import main
main(sys.argv[1:])
"""
COMMAND = "import sys; from srbench.cli import main; main()"


def benchmark(quick: bool) -> Iterator[Figure]:
    """All figures; ``quick``: fewer rounds."""
    rounds = 3 if quick else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = unfinished_job(folder)
        sides = {
            "worker": _python(["-c", READY, str(folder / "out"), key], status=42),
            "imports": _python(["-c", BARE]),
        }
        seconds = measure_sides(sides, rounds=rounds)
    worker = ratio_of(seconds["worker"], seconds["imports"])
    yield worker.figure("startup/worker_vs_bare_imports", 1.3)
    sides = {
        "help": _python(["-c", COMMAND, "--help"]),
        "losses": _python(["-c", COMMAND, "losses", "--json"]),
        "imports": _python(["-c", "import click, rich.console, rich.table"]),
    }
    seconds = measure_sides(sides, rounds=rounds)
    help_, losses = (ratio_of(seconds[name], seconds["imports"]) for name in ("help", "losses"))
    yield help_.figure("startup/help_vs_click_and_rich")
    yield losses.figure("startup/losses_vs_click_and_rich")


def unfinished_job(folder: Path) -> str:
    """The key of an adversarial job whose warm start is done, in ``folder / "out"``."""
    (folder / "startup.toml").write_text(SUITE)
    command = ["run", "./startup.toml", "--out", "out", "--device", "cpu", "--loss", "vgg16"]
    _python(["-c", COMMAND, *command], cwd=folder)()
    for file in (folder / "out").rglob("job.json"):
        job = json.loads(file.read_text())
        if job["kind"] == "adversarial" and job["label"] == "vgg16":
            shutil.rmtree(folder / "out" / "checkpoints" / job["key"])
            return str(job["key"])
    raise SystemExit("the suite left no adversarial job of vgg16")


def _python(arguments: list[str], *, cwd: Path = ROOT, status: int = 0) -> Callable[[], None]:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    environment["OMP_NUM_THREADS"] = "1"

    def run() -> None:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != status:
            raise SystemExit(f"{arguments} ended with {done.returncode}\n{done.stderr}")

    return run


if __name__ == "__main__":
    run_benchmark(benchmark)
