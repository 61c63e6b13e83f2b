"""A metric from a plugin that is installed for the test, from the run to every page about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from srbench.records import read_records

pytestmark = pytest.mark.slow

PLUGIN = '''
from srbench.contract import Agreement, MetricSpec, hookimpl


def build(ctx):
    def blur(sr, hr):
        """Energy of HR's edges that SR lacks; lower is better."""
        edges = [(x[..., 1:, :] - x[..., :-1, :]).abs().mean(dim=(1, 2, 3)) for x in (sr, hr)]
        return 10.0 * (1.0 - edges[0] / edges[1]).abs()

    return blur


@hookimpl
def srbench_metrics():
    return [
        MetricSpec(
            name="blur", version=3, lower_is_better=True, reference="full", build=build,
            license="MIT", title="Lost edges", digits=1, axis="perception",
            agreement=Agreement(
                finding="Nobody was asked", source="Nobody, Nowhere, 2026",
                url="https://example.org/blur",
            ),
        )
    ]
'''

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "for tests"
track = "raw"
seeds = [1]
metrics = ["psnr", "blur"]

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
iterations = 2

[adversarial]
iterations = 2

[validation]
every = 2
metrics = ["psnr"]

[execution]
threads = 1

[report]
rank_metric = "blur"

[[loss]]
label = "first"
name = "l2"
"""


def srbench(folder: Path, *words: str, plugins: Path | None) -> subprocess.CompletedProcess[str]:
    path = [str(plugins)] if plugins else []
    if os.environ.get("PYTHONPATH"):
        path.append(os.environ["PYTHONPATH"])
    return subprocess.run(
        [sys.executable, "-m", "srbench", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``tiny`` ran into ``out`` with the plugin installed."""
    root = tmp_path_factory.mktemp("metric")
    info = root / "site" / "made_up-1.0.dist-info"
    info.mkdir(parents=True)
    (root / "site" / "made_up.py").write_text(textwrap.dedent(PLUGIN))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\nplugin = made_up\n")
    (root / "tiny.toml").write_text(SUITE)
    done = srbench(root, "run", "./tiny.toml", "--out", "out", plugins=root / "site")
    assert done.returncode == 0, done.stderr
    return root


def test_the_record_carries_what_readers_are_shown(folder: Path) -> None:
    by_label = {record.loss.label: record for record in read_records([folder / "out"])}
    info = by_label["first"].metrics["blur"]
    assert (info.title, info.digits, info.axis, info.version) == ("Lost edges", 1, "perception", 3)
    assert info.agreement is not None
    assert info.agreement.finding == "Nobody was asked"
    assert "hr" not in by_label  # HR is the reference of both metrics: nothing scores it


def test_table_plane_and_page_need_no_plugin(folder: Path) -> None:
    done = srbench(folder, "report", "out", "--plots", "--to", "again", plugins=None)
    assert done.returncode == 0, done.stderr
    document = json.loads((folder / "again" / "leaderboard.json").read_text())
    assert document["rank"]["metric"] == "blur"
    row = next(row for row in document["rows"] if row["label"] == "first")
    value = row["scores"]["photos-test"]["blur"]["mean"]
    table = (folder / "again" / "leaderboard.md").read_text()
    assert "| rank (Lost edges on photos-test) |" in table
    assert "| Lost edges ↓ |" in table
    assert f"| {value:.1f}" in table
    assert "Nobody was asked. [Nobody, Nowhere, 2026](https://example.org/blur)" in table
    assert "edges ↓" in done.stdout  # 80 columns: the heading stands on two lines
    drawn = (folder / "again" / "plots" / "plane-photos-test.svg").read_text()
    assert "Lost edges ↓  perception" in drawn

    page = (folder / "out" / "site" / "index.html").read_text()
    assert "Lost edges ↓  perception" in page
    assert "best Lost edges" not in page  # at unequal distortion no row is named
    reading = (folder / "out" / "site" / "tiny" / "how-to-read.html").read_text()
    assert "Nobody was asked" in reading


def test_verify_names_it_and_says_that_it_is_a_strangers(folder: Path) -> None:
    done = srbench(folder, "submit", "out", "-o", "tiny.zip", plugins=folder / "site")
    assert done.returncode == 0, done.stderr
    done = srbench(folder, "verify", "tiny.zip", "--json", plugins=None)
    rows = {row["label"]: row for row in json.loads(done.stdout)["rows"].values()}
    said = [difference["message"] for difference in rows["first"]["differences"]]
    assert any("Lost edges ('blur')" in message and "not recomputed" in message for message in said)
    assert not any("no score" in message for message in said)
