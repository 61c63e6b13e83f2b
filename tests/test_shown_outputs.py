"""What the docs show below a command is what it prints, in a terminal of 100 columns."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_cuda import FAKES_CUDA
from sessions import Shown, sessions
from shown import words

ROOT = Path(__file__).parent.parent
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if sessions(page)]
RUN = ROOT / "runs" / "quick"
WEIGHTS = {"calibrate", "probe"}
"""Commands that load pretrained weights here, from the package index where they are not cached."""


def needs_run(shown: Shown) -> bool:
    return any(word in shown.command for word in ("quick.zip", "runs"))


def calls() -> list[object]:
    """Each page is one session; what needs pretrained weights or `make quick` is a part of its own,
    so that it can be left out."""
    found = []
    for page in PAGES:
        parts: dict[str, list[Shown]] = {}
        for shown in sessions(page):
            kind = "run" if needs_run(shown) else words(shown.command)[1]
            parts.setdefault(kind if kind == "run" or kind in WEIGHTS else "", []).append(shown)
        for kind, part in parts.items():
            marks = []
            if kind in WEIGHTS:
                marks = [pytest.mark.slow, pytest.mark.network]
            if kind == "run":
                reason = "needs runs/quick, from `make quick`"
                marks = [pytest.mark.slow, pytest.mark.skipif(not RUN.is_dir(), reason=reason)]
            found.append(pytest.param(part, id=f"{page.stem} {kind}".strip(), marks=marks))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader stands: the leaderboard is there, and after `make quick` its results."""
    # A copy: no command that is wrong may write over what is published.
    shutil.copytree(ROOT / "leaderboard/records", tmp_path / "leaderboard/records")
    shutil.copy(ROOT / "leaderboard/starts.json", tmp_path / "leaderboard")
    if RUN.is_dir():
        (tmp_path / "runs").symlink_to(ROOT / "runs")
    return tmp_path


def install_my_loss(folder: Path) -> None:
    """What ``pip install -e`` does in an environment of one's own."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
         "--target", str(folder / "site"), str(folder / "srbench-my-loss")],
        check=True, timeout=300,
    )  # fmt: skip


BEFORE: dict[str, Callable[[Path], None]] = {"srbench check my-loss": install_my_loss}


@pytest.mark.parametrize("session", calls())
def test_the_output_is_what_the_command_prints(session: list[Shown], folder: Path) -> None:
    environment = {**os.environ, "COLUMNS": "100", "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = str(folder / "site")
    environment["PYTHONUTF8"] = "1"
    environment["CUDA_VISIBLE_DEVICES"] = ""  # the pages show what a machine without a GPU prints
    environment.pop("SRBENCH_DATA", None)
    if not any(words(shown.command)[1] in WEIGHTS or needs_run(shown) for shown in session):
        environment["SRBENCH_CACHE"] = str(folder / "cache")  # what is cached is listed as such
    for shown in session:
        if shown.command.startswith("srbench check") and not FAKES_CUDA:
            pytest.skip("torch before 2.10 without a GPU skips one of the checks that are shown")
        if shown.command in BEFORE:
            BEFORE[shown.command](folder)
        done = subprocess.run(
            [sys.executable, "-m", *words(shown.command)], cwd=folder, env=environment, text=True,
            encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        assert not (told := shown.differs_from(done.stdout)), told


def test_what_an_output_must_agree_in() -> None:
    shown = Shown("x", "loss  1.25 dB\n...\nlast ...")
    assert not shown.differs_from("loss  1.26 dB   \nany\nthing 7.7\nlast 3 items\n")
    assert "1.28" in shown.differs_from("loss  1.28 dB\na\nlast b")
    assert "is shown as" in shown.differs_from("loss  1.250 dB\na\nlast b")
    assert "is shown as" in shown.differs_from("lost  1.25 dB\na\nlast b")
    assert "is shown as" in shown.differs_from("loss  1.25 dB\na\nb")


def test_there_are_outputs_to_compare() -> None:
    assert len(PAGES) >= 6
