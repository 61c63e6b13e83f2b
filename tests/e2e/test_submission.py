"""A real run, submitted and verified by the commands."""

import json
from pathlib import Path

import pytest

from .conftest import Cli

pytestmark = pytest.mark.slow


def test_a_real_run_is_submitted_and_verified(cli: Cli, folder: Path) -> None:
    assert cli("run", "./small.toml", "--out", "a").returncode == 0
    packed = cli("submit", "a", "--images", "-o", "a.zip")
    assert packed.returncode == 0, packed.stderr
    done = cli("verify", "a.zip", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"].values()
    assert {row["label"]: (row["mark"], row["evidence"]) for row in rows} == {
        "hr": ("scores-verified", "hr"),
        "bicubic": ("scores-verified", "bicubic"),
        "warm-start": ("scores-verified", "generator"),
        "pixel": ("scores-verified", "generator"),
        "vgg16-random": ("scores-verified", "generator"),
        "first": ("scores-verified", "generator"),
        "mix": ("scores-verified", "generator"),
    }

    alone = cli("submit", "a", "--images", "--no-generators", "-o", "images.zip")
    assert alone.returncode == 0, alone.stderr
    done = cli("verify", "images.zip", "--from-images", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"].values()
    assert {row["evidence"] for row in rows} == {"hr", "bicubic", "images"}

    (record,) = [
        path
        for path in (folder / "a/records").glob("*.json")
        if json.loads(path.read_text())["loss"]["label"] == "first"
    ]
    outcome = cli("reproduce", str(record), "--out", "again", "--json")
    assert outcome.returncode == 0, outcome.stderr
    (folder / "outcome.json").write_text(outcome.stdout)
    done = cli(
        "verify", "a.zip", "--sample", "1", "--report", "v.json", "--reproduced", "outcome.json"
    )
    assert done.returncode == 0, done.stderr
    marks = json.loads((folder / "v.json").read_text())
    assert [key for key, entry in marks.items() if entry["reproduced"]] == [record.stem]
