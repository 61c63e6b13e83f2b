"""README's figures of `quick`: how far they move between processors is stated, and holds.

After `make quick` the run in this checkout is held to them, by the command that shows it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RUN = ROOT / "runs" / "quick"
METRICS = ("psnr", "ssim", "lpips", "grid", "niqe")


def table(page: str, name: str) -> dict[str, list[str]]:
    """The rows between two markers of a page: label -> cells."""
    text = (ROOT / page).read_text().partition(f"<!-- {name}: begin -->")[2]
    lines = text.partition(f"<!-- {name}: end -->")[0].strip().splitlines()[2:]
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in rows}


def spread() -> float:
    (found,) = re.findall(r"moves LPIPS by up to\s+(0\.\d+)", (ROOT / "README.md").read_text())
    return float(found)


def test_the_readme_states_the_spread_that_the_page_shows() -> None:
    here = {label: cells[2] for label, cells in table("README.md", "quick table").items()}
    pairs = table("docs/quick.md", "quick processors")
    assert {label: cells[0] for label, cells in pairs.items()} == {
        label: here[label] for label in pairs
    }
    assert set(here) - set(pairs) == {"bicubic", "hr"}  # which no training moves
    moved = [abs(float(one) - float(other)) for one, other in pairs.values()]
    assert max(moved) == pytest.approx(spread(), abs=1e-9)


@pytest.mark.skipif(not (RUN / "records").is_dir(), reason="needs runs/quick, from `make quick`")
def test_a_run_here_is_within_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "srbench", "report", str(RUN), "--json"],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    document = json.loads(done.stdout)
    rows = {row["label"]: row["scores"].get("photos-test", {}) for row in document["rows"]}
    figures = table("README.md", "quick table")
    for label in table("docs/quick.md", "quick processors"):
        # twice: a third processor may lie on the other side
        expected = pytest.approx(float(figures[label][2]), abs=2 * spread())
        assert rows[label]["lpips"]["mean"] == expected, label
    digits = dict(zip(METRICS, (2, 4, 4, 2, 2), strict=True))
    shown = [f"{rows['bicubic'][name]['mean']:.{digits[name]}f}" for name in METRICS]
    assert shown == figures["bicubic"]  # known bytes: the same everywhere
