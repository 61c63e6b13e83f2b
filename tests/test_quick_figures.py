"""The figures of `quick` that are shown: how far another processor moves them is said, too.

After `make quick` the run in this checkout is held to them, by the command that shows it.
"""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RUN = ROOT / "runs" / "quick"
METRICS = {"psnr": 2, "ssim": 4, "lpips": 4, "grid": 2, "niqe": 2}
"""In the order of the columns, with their digits."""
UNTRAINED = {"bicubic", "hr"}
FREE = "adversarial-only"
"""A pixel loss of weight 0.01 alone holds it to HR: what it moves by says nothing of others."""


def table(page: str, name: str) -> list[list[str]]:
    """The lines between two markers of a page, in cells."""
    text = (ROOT / page).read_text().partition(f"<!-- {name}: begin -->")[2]
    lines = text.partition(f"<!-- {name}: end -->")[0].strip().splitlines()[2:]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]


def figures() -> dict[str, dict[str, str]]:
    rows = table("docs/quick.md", "quick table")
    return {label: dict(zip(METRICS, cells, strict=True)) for label, *cells in rows}


def test_the_readme_shows_the_same_figures() -> None:
    rows = re.findall(
        r"^\| ([\w-]+) \| (\d\d\.\d\d) \| \**([\d.]+)\** \| ([\d.]+) \|$", README, re.M
    )
    assert (
        len(rows) == len(figures()) - 1
    )  # HR says nothing without a metric that needs no reference
    for label, *shown in rows:
        assert shown == [figures()[label][metric] for metric in ("psnr", "lpips", "niqe")]


def test_the_spread_that_was_measured_is_stated_and_whom_it_concerns() -> None:
    page = (ROOT / "docs/quick.md").read_text()
    section = page.partition("## On other processors")[2].partition("\n\nTraining")[0]
    spread: dict[bool, float] = {}
    for _, label, *cells in table("docs/quick.md", "quick processors"):
        values = [float(cell) for cell in cells if cell]
        free = label == FREE
        spread[free] = max(spread.get(free, 0), max(values) - min(values))
    assert f"`{FREE}` by {spread[True]:.4f}" in README
    assert f"moved by {spread[True]:.4f}" in section
    stated = [
        *re.findall(r"LPIPS by\s+up to (0\.\d+)", README),
        *re.findall(r"nearer to each other than (0\.\d+) in LPIPS", section),
    ]
    assert [float(text) for text in stated] == pytest.approx([spread[False]] * 2, abs=1e-9)
    trained = {n: float(row["lpips"]) for n, row in figures().items() if n not in UNTRAINED}
    near = [pair for pair in combinations(trained, 2)
            if abs(trained[pair[0]] - trained[pair[1]]) < spread[False]]  # fmt: skip
    named = re.findall(r"`([\w-]+)` and `([\w-]+)`", section)
    assert {frozenset(pair) for pair in near} == {frozenset(pair) for pair in named}


@pytest.mark.skipif(not (RUN / "records").is_dir(), reason="needs runs/quick, from `make quick`")
def test_a_run_here_shows_what_the_readme_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "srbench", "report", str(RUN), "--json"],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    rows = {row["label"]: row["scores"]["photos-test"] for row in json.loads(done.stdout)["rows"]}
    for label in UNTRAINED:  # known bytes: the same on every processor
        shown = {m: f"{rows[label][m]['mean']:.{METRICS[m]}f}" for m in rows[label]}
        assert shown == {m: text for m, text in figures()[label].items() if text != "-"}
    start = rows["warm-start"]
    for label in [label for label in figures() if label.startswith("vgg16")]:
        assert rows[label]["lpips"]["mean"] < start["lpips"]["mean"], label
        assert rows[label]["psnr"]["mean"] < start["psnr"]["mean"], label
