"""A generator from a plugin installed for the test, and an adversarial loss of one entry: a run at
scale 3, its record, its table, its page, its files and what `verify` makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from srbench.imaging import read_image
from srbench.records import Record, read_records

pytestmark = pytest.mark.slow

PLUGIN = """
from pydantic import BaseModel
from srbench.contract import GeneratorSpec, hookimpl
from srbench.train.adversarial_losses import ADVERSARIAL_LOSSES, AdversarialLoss


class Params(BaseModel):
    model_config = {"extra": "forbid"}
    width: int = 4
    depth: int = 1


def build(params, scale):
    from torch import nn

    middle = [nn.Conv2d(params.width, params.width, 3, padding=1) for _ in range(params.depth)]
    return nn.Sequential(
        nn.Conv2d(3, params.width, 5, padding=2), *middle, nn.GELU(),
        nn.Conv2d(params.width, 3 * scale**2, 1), nn.PixelShuffle(scale),
    )


def radius(params):
    return 2 + params.depth


@hookimpl
def srbench_generators():
    return [
        GeneratorSpec(
            name="patchwork", version=2, summary="for tests", params=Params, build=build,
            receptive_radius=radius, license="MIT",
        )
    ]


ADVERSARIAL_LOSSES["wasserstein"] = AdversarialLoss(
    generator=lambda real, fake: real.mean() - fake.mean(),
    discriminator=lambda real, fake: fake.mean() - real.mean(),
    relativistic=True,
)
"""

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "for tests"
track = "raw"
scale = 3
seeds = [1]
metrics = ["psnr"]
data = { train = "photos", test = ["photos-test"], patch_size = 48, batch_size = 2 }
generator = { name = "patchwork", params = { width = 6 } }
discriminator = { channels = 4 }
warm_start = { iterations = 2 }
adversarial = { iterations = 2, adversarial_loss = "wasserstein" }
execution = { threads = 1 }
report = { rank_metric = "psnr" }
loss = [{ label = "first", name = "l2" }]
"""


def srbench(folder: Path, *words: str, plugin: bool = True) -> subprocess.CompletedProcess[str]:
    path = [str(folder / "site")] if plugin else []
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
    root = tmp_path_factory.mktemp("generator")
    info = root / "site" / "made_up-1.0.dist-info"
    info.mkdir(parents=True)
    (root / "site" / "made_up.py").write_text(textwrap.dedent(PLUGIN))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\nplugin = made_up\n")
    (root / "tiny.toml").write_text(SUITE)
    done = srbench(root, "run", "./tiny.toml", "--out", "out")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def rows(folder: Path) -> dict[str, Record]:
    return {record.loss.label: record for record in read_records([folder / "out"])}


def test_the_plugin_is_listed_with_its_generator(folder: Path) -> None:
    listed = json.loads(srbench(folder, "plugins", "--json").stdout)
    assert {"patchwork"} == {
        n for p in listed if p["distribution"] == "made-up" for n in p["generators"]
    }


def test_records_table_and_page_name_it_without_the_plugin(
    folder: Path, rows: dict[str, Record]
) -> None:
    assert rows["first"].status == "finished"
    generator = rows["first"].suite.document["generator"]
    assert generator == {"name": "patchwork", "params": {"width": 6}}
    done = srbench(folder, "report", "out", "--to", "again", plugin=False)
    assert done.returncode == 0, done.stderr
    document = json.loads((folder / "again" / "leaderboard.json").read_text())
    assert {"first", "warm-start", "bicubic"} <= {row["label"] for row in document["rows"]}
    page = (folder / "out" / "site" / "index.html").read_text()
    assert "patchwork, 6 width" in page
    assert "x3" in page


def test_the_made_up_loss_trained_the_discriminator(folder: Path, rows: dict[str, Record]) -> None:
    points = [point.scores for point in rows["first"].log]
    assert points
    for scores in points:
        # The two players' values are one another's negative, where the weight is taken off.
        assert scores["adversarial"] == pytest.approx(-1e-3 * scores["discriminator"], rel=1e-4)


def test_scores_follow_the_scale(folder: Path, rows: dict[str, Record]) -> None:
    """PSNR by scikit-image on Y with a border of 3 pixels; HR cropped to multiples of 3."""
    images = folder / "out" / "images" / "photos-test"
    for label in ("bicubic", "first"):
        for name, stated in rows[label].scores["photos-test"].metrics["psnr"].per_image.items():
            pair = [
                read_image(images / part / f"{name}.png") for part in (f"{label}-s1", "hr-images")
            ]
            assert {side % 3 for image in pair for side in image.shape[:2]} == {0}
            sr, hr = (rgb2ycbcr(image)[3:-3, 3:-3, 0] for image in pair)
            assert stated == pytest.approx(
                peak_signal_noise_ratio(hr, sr, data_range=255), abs=1e-3
            )


def test_upscale_uses_the_declared_radius(folder: Path, rows: dict[str, Record]) -> None:
    file = folder / "out" / rows["first"].artifacts["generator"].path
    image = next((folder / "out" / "images" / "photos-test" / "hr-images").glob("*.png"))
    for tile, into in (("16", "tiles"), ("4096", "whole")):
        done = srbench(folder, "upscale", str(file), str(image), "--out", into, "--tile", tile)
        assert done.returncode == 0, done.stderr
    tiles, whole = (
        read_image(folder / into / f"{image.stem}_x3.png") for into in ("tiles", "whole")
    )
    assert tiles.shape[0] == 3 * read_image(image).shape[0]
    assert np.abs(tiles.astype(int) - whole).max() <= 1  # as far as rounding goes
    done = srbench(folder, "upscale", str(file), str(image), plugin=False)
    assert done.returncode == 2
    assert "'patchwork'" in done.stderr


def test_verify_never_builds_it(folder: Path) -> None:
    done = srbench(folder, "submit", "out", "-o", "tiny.zip")
    assert done.returncode == 0, done.stderr
    done = srbench(folder, "verify", "tiny.zip", "--json")
    verified = {row["label"]: row for row in json.loads(done.stdout)["rows"].values()}
    assert verified["bicubic"]["mark"] == "scores-verified"
    assert verified["first"]["mark"] == "not-recomputed"
    assert "plugin" in verified["first"]["reason"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("generator.name=patchwerk", "did you mean 'patchwork'"),
        ("generator.params={depht=2}", "depht"),
        ("adversarial.adversarial_loss=wassertein", "did you mean 'wasserstein'"),
        ("scale=5", "scale"),
    ],
)
def test_what_is_not_there_is_told_before_training(folder: Path, change: str, named: str) -> None:
    done = srbench(folder, "run", "./tiny.toml", "--out", "other", "--set", change)
    assert done.returncode == 2
    assert named in done.stderr
    assert not (folder / "other" / "records").exists()
