"""``srbench`` in this process, workers and all: whole runs for tests, without importing torch anew.

A job that takes a worker process some seconds, most of them of imports, takes some hundredths.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click.testing
import numpy as np
import PIL.Image
import pytest

from srbench.cli import cli
from srbench.host import discover
from srbench.imaging import listing
from srbench.records import io
from srbench.records.layout import OutFolder
from srbench.run.exec import local, process
from srbench.run.exec.starting import Starter
from srbench.run.work import content, generators, scoring, stage_data, validation
from srbench.run.work.worker import run_locked

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "tiny"
track = "raw"
seeds = [1]
metrics = ["psnr", "ssim"]

[data]
train = "folder:TRAIN"
test = ["folder:TEST"]
patch_size = 32
batch_size = 2

[generator]
name = "msrresnet"
blocks = 1
channels = 4

[discriminator]
channels = 4

[warm_start]
iterations = 1

[adversarial]
iterations = 1

[execution]
threads = 1

[[loss]]
name = "l1"
"""
"""Trains for an instant on the images that :func:`workplace` makes."""


class Done:
    """What a command left: as a finished process, with both streams as text."""

    def __init__(self, result: click.testing.Result) -> None:
        self.returncode = result.exit_code
        self.stdout, self.stderr = result.stdout, result.stderr

    @property
    def said(self) -> str:
        return self.stdout + self.stderr


def call(*args: str) -> Done:
    """``srbench ARGS`` in this process, standing in the current folder."""
    for said_once in (listing._name_left_out, io._name_foreign):
        said_once.cache_clear()
    runner = click.testing.CliRunner()
    handler = logging.StreamHandler(_Stderr())
    logging.getLogger("srbench").addHandler(handler)
    try:
        return Done(runner.invoke(cli, [str(arg) for arg in args], prog_name="srbench"))
    finally:
        logging.getLogger("srbench").removeHandler(handler)


class _Stderr:
    """Whatever stderr is at the moment."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        pass


class _Worker:
    """A worker that has done its job when it is asked for the first time."""

    pid = 0

    def __init__(self, root: str, key: str) -> None:
        self._code = run_locked(OutFolder(Path(root)), key, lambda: False)

    def poll(self) -> int:
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        return self._code

    def send_signal(self, number: int) -> None:
        pass


class _OwnWorkers(Starter):
    """Starts no process."""

    def start(self, argv: Sequence[str], *_: object) -> _Worker:
        return _Worker(*argv)


def own_workers(put: Callable[[object, str, object], None] = setattr) -> None:
    """Let this process do what its workers would."""
    put(local, "ForkServer", _OwnWorkers)
    put(process, "POLL_SECONDS", 0.0)
    put(local, "POLL_SECONDS", 0.0)
    # Which plugins there are stays as it is for the length of a test: a look takes some tenths.
    found = functools.cache(discover)
    for module in (content, generators, scoring, validation):
        put(module, "discover", found)
    # The health of the game is measured on these, through networks far larger than the generator.
    put(stage_data, "HELD_OUT_BATCHES", 1)
    put(stage_data, "HELD_OUT_PATCHES", 1)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """:func:`call`, whose workers run in this process too."""
    own_workers(monkeypatch.setattr)
    return call


def picture(path: Path, seed: int, side: int = 40) -> Path:
    """A made-up photograph of ``side`` x ``side`` px."""
    small = np.random.default_rng(seed).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(small).resize((side, side), PIL.Image.Resampling.BICUBIC).save(path)
    return path


def workplace(folder: Path, suite: str = SUITE) -> Path:
    """``folder`` with TRAIN, TEST and ``tiny.toml`` in it."""
    for i in range(4):
        picture(folder / "TRAIN" / f"train{i}.png", seed=i)
    for i in range(2):
        picture(folder / "TEST" / f"im{i}.png", seed=10 + i)
    (folder / "tiny.toml").write_text(suite)
    return folder
