"""``srbench eval`` as its user meets it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from srbench.cli import cli


@pytest.fixture
def folders(write, photo_pair, tmp_path):
    sr, hr = photo_pair
    for name, part in {"a": np.s_[:, :200], "[red]b": np.s_[:, 100:]}.items():
        write(f"sr/{name}.png", sr[part])
        write(f"hr/{name}.png", hr[part])
    return str(tmp_path / "sr"), str(tmp_path / "hr")


def run(*args: str):
    return CliRunner().invoke(cli, ["eval", *args])


def test_json_alone_on_stdout(folders):
    # gmsd is one of pyiqa's, which prints while it is built.
    result = run(
        "--sr", folders[0], "--hr", folders[1], "--metric", "psnr", "--metric", "gmsd", "--json"
    )
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert list(document) == ["protocol", "scale", "images", "metrics"]
    assert (document["protocol"], document["scale"], document["images"]) == ("y4-v2", 4, 2)
    assert list(document["metrics"]) == ["psnr", "gmsd"]
    assert document["metrics"]["gmsd"]["lower_is_better"] is True
    assert set(document["metrics"]["psnr"]["per_image"]) == {"a.png", "[red]b.png"}


def test_table_and_csv(folders, tmp_path):
    file = tmp_path / "scores.csv"
    result = run(
        "--sr", folders[0], "--hr", folders[1], "--metric", "psnr", "--metric", "ssim",
        "--protocol", "rgb4-v2", "--csv", str(file), "--workers", "1",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "protocol rgb4-v2, scale 4, 2 images" in result.stdout
    assert "[red]b.png" in result.stdout  # file names are not markup
    lines = file.read_text().splitlines()
    assert lines[0] == "image,psnr,ssim"
    mean = float(lines[-1].split(",")[1])
    assert f"{mean:.4f}" in result.stdout


@pytest.mark.network
def test_without_hr_the_default_is_niqe(folders):
    result = run("--sr", folders[0], "--json")
    assert result.exit_code == 0, result.stderr
    assert list(json.loads(result.stdout)["metrics"]) == ["niqe"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--metric", "psnrr"], "did you mean 'psnr'"),
        (["--metric", "psnr", "--protocol", "y4"], "did you mean 'y4-v2'"),
        (["--metric", "nima"], "--allow-unsafe-weights"),
        (["--metric", "psnr", "--hr", "nowhere"], "expected a folder of images"),
        (["--metric", "psnr", "--csv", "nowhere/x.csv"], "in an existing folder"),
        (["--metric", "psnr", "--scale", "0"], "--scale"),
    ],
)
def test_mistakes_end_with_status_2_and_nothing_on_stdout(folders, extra, message):
    result = run("--sr", folders[0], "--hr", folders[1], "--json", *extra)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr


def test_full_reference_metric_without_hr(folders):
    result = run("--sr", folders[0], "--metric", "psnr")
    assert result.exit_code == 2
    assert "give --hr DIR" in result.stderr
