"""What the operating system refuses, at the edge of the commands: one line, a cure, no litter."""

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from .conftest import Cli


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small images in the folder that commands are run in."""
    test = tmp_path / "cwd" / "TEST"
    test.mkdir(parents=True, exist_ok=True)
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(test / f"im{i}.png")
    return test


def mended(done, *words: str, status: int) -> None:
    """One error, with these words and a cure, and that exit status."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error: ") == 1
    assert "\n  -> " in done.stderr
    for word in words:
        assert word in done.stderr


EVAL = ("eval", "--sr", "TEST", "--hr", "TEST", "--metric", "psnr")


def test_a_full_disk_under_the_scores(cli: Cli, folder: Path) -> None:
    done = cli(*EVAL, "--csv", "/dev/full")
    mended(done, "No space left on device: /dev/full", "free some space", status=1)
    assert Path("/dev/full").is_char_device()


def test_a_full_disk_under_stdout(cli: Cli, folder: Path) -> None:
    import subprocess
    import sys

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from srbench.cli import main; main()", "data", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    mended(done, "No space left on device", status=1)


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (("data", "verify", "folder:TEST"), {"SRBENCH_CACHE": "/dev/null/x"}),
        (("data", "prepare", "folder:TEST"), {"SRBENCH_CACHE": "/dev/null/x"}),
    ],
)
def test_a_cache_that_is_no_folder(cli: Cli, folder: Path, command, environment) -> None:
    done = cli(*command, **environment)
    mended(done, "Not a directory: /dev/null/x", "set SRBENCH_CACHE", status=2)


def test_names_that_nobody_has(cli: Cli, folder: Path) -> None:
    done = cli("data", "verify", "folder:~nobodyhere/x")
    assert done.returncode == 2
    assert "~nobodyhere/x: nothing there" in done.stderr
    assert "Traceback" not in done.stderr


def test_file_names_of_any_bytes_are_verified_and_scored(cli: Cli, folder: Path) -> None:
    (folder / "im0.png").rename(folder / os.fsdecode(b"caf\xe9.png"))
    done = cli("data", "verify", "folder:TEST", LC_ALL="C.UTF-8")
    assert done.returncode == 0, done.stderr
    assert "2 images decode" in done.stdout
    for option in ((), ("--json",), ("--csv", "scores.csv")):
        done = cli(*EVAL, *option, LC_ALL="C.UTF-8")
        assert done.returncode == 0, done.stderr
    assert r"caf\xe9.png," in (folder.parent / "scores.csv").read_text(encoding="utf-8")


def test_an_unforeseen_error_has_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from srbench.cli.failure import FAULT, report_failure

    assert report_failure(KeyError("x")) == FAULT == 3
    told = capsys.readouterr().err
    assert "KeyError: 'x'" in told
    assert "this is a fault of srbench" in told
    assert report_failure(OSError(28, "No space left on device", "a\x1b[2J")) == 1
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(("given", "meant"), [("PSNR", "psnr"), ("psnrr", "psnr")])
def test_an_unknown_metric_is_suggested_once_whatever_its_case(
    cli: Cli, folder: Path, given: str, meant: str
) -> None:
    done = cli("eval", "--sr", "TEST", "--hr", "TEST", "--metric", given)
    assert done.returncode == 2
    assert done.stderr.count(f"'{meant}'") == 1


def test_unknown_tasks_and_data_sets_are_suggested(cli: Cli) -> None:
    done = cli("losses", "--task", "clasification")
    assert done.returncode == 2
    assert "did you mean 'classification'" in done.stderr
    assert "did you mean 'bsd100'" in cli("data", "verify", "BSD10").stderr
