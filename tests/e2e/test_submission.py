"""Real runs on a machine with TF32, submitted and verified by the commands on one without."""

import json
from pathlib import Path

import pytest

from srbench.records import read_records

from .conftest import SUITE, TF32, Cli

pytestmark = pytest.mark.slow


def test_a_real_run_with_curves_is_recorded_submitted_and_verified(cli: Cli, folder: Path) -> None:
    suite = folder / "small.toml"
    suite.write_text(SUITE.replace("seeds = [1]", "seeds = [1]\ninterpolation = [0.5, 1.0]"))
    assert cli("run", "./small.toml", "--out", "a", **TF32).returncode == 0
    records = {r.loss.label: r for r in read_records([folder / "a"])}
    curved = {"first", "mix", "pixel", "vgg16-random"}
    assert {label for label, record in records.items() if record.curve} == curved
    for label in curved:
        (point,) = records[label].curve
        start, middle, end = (
            scores["photos-test"].metrics["psnr"].mean
            for scores in (records["warm-start"].scores, point.scores, records[label].scores)
        )
        assert len({start, middle, end}) == 3

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
    done = cli("verify", "images.zip", "--from-images", "--leave", "curve", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"].values()
    assert {row["label"]: row["evidence"] for row in rows} == {
        "hr": "hr", "bicubic": "bicubic", "warm-start": "images",
        **dict.fromkeys(curved),  # a point's image is nobody's to submit: curves need generators
    }  # fmt: skip

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
