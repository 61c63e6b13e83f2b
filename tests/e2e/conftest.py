"""Whole runs in real processes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

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
    return [sys.executable, "-m", "srbench"]


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


class Said(NamedTuple):
    """Both outputs of a command that succeeded."""

    stdout: str
    stderr: str


@pytest.fixture
def calm(
    folder: Path, command: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Said]:
    """``calm`` in the folder: a copy of an undisturbed run of the suite, and what that one said.

    It is run once, though parallel processes test.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    shared, said = place / "calm-run", place / "calm-run.json"
    with FileLock(place / "calm-run.lock"):
        if not said.exists():
            shutil.rmtree(shared, ignore_errors=True)
            shared.mkdir()
            shutil.copy(folder / "small.toml", shared)
            done = subprocess.run(
                [*command, "run", "./small.toml", "--out", "calm"], cwd=shared,
                env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            said.write_text(json.dumps([done.stdout, done.stderr]))
    shutil.copytree(shared / "calm", folder / "calm")
    return folder / "calm", Said(*json.loads(said.read_text()))
