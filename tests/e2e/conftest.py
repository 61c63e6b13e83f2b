"""Whole runs in real processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]

TF32 = {"PYTHONPATH": str(Path(__file__).parents[1] / "support" / "with_tf32")}
"""A command of this environment computes as GPUs with TF32 do."""

SUITE = """
schema = 1
name = "small"
version = 1
summary = "for tests"
track = "calibrated"
seeds = [1]
metrics = ["psnr", "niqe"]

[data]
train = "photos"
val = 1
test = ["photos-test"]
patch_size = 32
batch_size = 2

[generator]
blocks = 1
channels = 8

[discriminator]
channels = 4

[warm_start]
iterations = 6
learning_rate = 1e-3

[adversarial]
iterations = 4
pixel_weight = 0.01
adversarial_weight = 0.005

[calibration]
reference = "first"
batches = 2

[validation]
every = 2
metrics = ["psnr"]

[execution]
threads = 1

[[loss]]
label = "first"
name = "l2"

[[loss]]
label = "mix"
[[loss.sum]]
name = "l1"
weight = 3
[[loss.sum]]
name = "charbonnier"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(SUITE)
    return tmp_path


@pytest.fixture
def command() -> list[str]:
    return [sys.executable, "-c", "from srbench.cli import main; main()"]


@pytest.fixture
def cli(folder: Path, command: list[str]) -> Cli:
    def call(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *args],
            cwd=folder,
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    return call
