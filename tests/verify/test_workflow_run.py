"""The CI job's own shell lines, on archives of a pull request: the good one passes, others do not.

What a runner does before is made here by hand: `base/` is the checkout of the base branch, whose
`leaderboard/` has a row, and `submission/` that of the pull request's archives.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from forging import DATASET, as_installed
from small_run import GENERATOR, GENERATOR_SEEDS, LOSSES, write_run

from srbench.host import discover
from srbench.records import read_record, record_text
from srbench.records.io import validate_record
from srbench.verify import pack_submission

from .conftest import board_of

WORKFLOW = Path(__file__).parents[2] / ".github/workflows/verify-submission.yml"
COPY = {"second": GENERATOR.build(seed=GENERATOR_SEEDS["first"])}


def with_flag(document: dict[str, Any]) -> None:
    document["loss"].update(saw_test_images=["photos-test"])


@pytest.fixture
def submit(test_images: Path) -> Callable[..., Path]:
    """``submit(target, labels, change)``: the archive of an honest run, but for these."""
    registry = discover()

    def make(target: Path, labels: list[str], change: Any = None, **options: Any) -> Path:
        out = write_run(target.with_suffix(""), test_images, labels, **options)
        for path in (out / "records").glob("*.json"):
            document = read_record(path).model_dump(mode="json", by_alias=True)
            if (label := document["loss"]["label"]) in LOSSES:
                as_installed(document, registry.loss(LOSSES[label]).spec)
                if change is not None:
                    change(document)
                path.write_text(record_text(validate_record(document)))
        pack_submission(out, target)
        return out

    return make


@pytest.mark.slow
def test_the_job_passes_what_is_honest_and_nothing_else(
    submit: Callable[..., Path], test_images: Path, tmp_path: Path
) -> None:
    archives = tmp_path / "submission" / "submissions"
    archives.mkdir(parents=True)
    (tmp_path / "base").mkdir()
    board_of(submit(tmp_path / "known.zip", ["bicubic", "first"]), tmp_path / "base/leaderboard")
    submit(good := archives / "good.zip", ["bicubic", "second"])
    done = run_job(tmp_path, test_images)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scores-verified: 2 of 2 rows recomputed" in done.stdout

    good.unlink()
    submit(archives / "copy.zip", ["second"], networks=COPY)
    submit(archives / "flag.zip", ["second"], change=with_flag)
    done = run_job(tmp_path, test_images)
    assert done.returncode not in (0, 2), done.stdout + done.stderr
    assert "its generator is that of tiny first seed 1, published before" in done.stdout
    assert "it says saw_test_images = ('photos-test',)" in done.stdout
    assert done.stdout.count("not verified: 1 of 1 rows recomputed") == 2


def run_job(folder: Path, images: Path) -> subprocess.CompletedProcess[str]:
    """The last step of the job as the runner has it, where the test images are known by name."""
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    step = job["steps"][-1]
    tool = folder / "bin" / "srbench"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m srbench "$@" --data {DATASET}={images}\n')
    tool.chmod(0o755)
    folders = [str(tool.parent), os.environ["PATH"]]
    return subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=folder / step["working-directory"],
        env={**os.environ, "PATH": os.pathsep.join(folders), "RUNNER_TEMP": str(folder),
             "BASE": "0" * 40},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
