"""What ranks the rows is said wherever a rank stands, by the commands that a user gives."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats
from synthetic import synthetic_records

from srbench.cli import cli
from srbench.records import Record, write_record

SAID = "mean LPIPS rank on set14, bsd100, weighted by number of images"
BEGIN, END = "<!-- srbench:leaderboard:begin -->", "<!-- srbench:leaderboard:end -->"


def srbench(*words: object) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def out(uneven: list[Record], tmp_path: Path) -> Path:
    for record in uneven:
        write_record(record, tmp_path / "out" / "records")
    return tmp_path / "out"


def by_images(records: list[Record]) -> dict[str, float]:
    """Mean of the ranks on both data sets, 3 images and 14, as the words have it."""
    labels = sorted({r.loss.label for r in records if r.loss.terms})
    ranks = []
    for dataset in ("set14", "bsd100"):
        scores = {
            label: np.mean(
                [r.scores[dataset].metrics["lpips"].mean for r in records if r.loss.label == label]
            )
            for label in labels
        }
        ranks.append(stats.rankdata([scores[label] for label in labels]))
    return dict(zip(labels, (3 * ranks[0] + 14 * ranks[1]) / 17, strict=True))


@pytest.mark.parametrize("more", [(), ("--full",)])
def test_the_terminal(out: Path, uneven: list[Record], more: tuple[str, ...]) -> None:
    lines = srbench("report", out, *more).splitlines()
    assert f"bsd100; rank: {SAID}" in lines
    assert (f"set14; rank: {SAID}" in lines) == bool(more)  # one table, of the leading data set
    means = by_images(uneven)
    first = min(means, key=lambda label: means[label])
    if more:
        assert any(line.startswith(f"Overall rank: {SAID}. ") for line in lines)
    else:
        assert any(line.startswith(f"First by {SAID}: {first} (") for line in lines)


def test_the_files(out: Path, uneven: list[Record]) -> None:
    srbench("report", out)
    assert f"| rank ({SAID}) |" in (out / "leaderboard.md").read_text()
    document = json.loads((out / "leaderboard.json").read_text())
    assert document["rank"] == {
        "metric": "lpips",
        "datasets": ["set14", "bsd100"],
        "weights": {"set14": 3, "bsd100": 14},
    }
    means = by_images(uneven)
    found = {row["label"]: row["mean_rank"] for row in document["rows"] if row["label"] in means}
    assert found == pytest.approx(means)


def test_the_pages_and_the_readme(out: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    srbench("publish", out, "--to", tmp_path / "site", "--images", 0, "--readme", readme)
    assert readme.read_text().count(f"| rank ({SAID}) |") == 1
    page = (tmp_path / "site" / "index.html").read_text()
    assert f"Rank ({SAID})</th>" in re.sub(r"</?span[^>]*>", "", page)  # the header of the column
    assert f"Overall rank: {SAID}." in page


def test_one_data_set_needs_no_weights(tmp_path: Path) -> None:
    for record in synthetic_records(seeds=[1], datasets=["photos-test"], images=3):
        write_record(record, tmp_path / "records")
    assert "photos-test; rank: LPIPS on photos-test" in srbench("report", tmp_path).splitlines()
    assert "| rank (LPIPS on photos-test) |" in (tmp_path / "leaderboard.md").read_text()
