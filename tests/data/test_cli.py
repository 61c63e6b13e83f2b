import json

import pytest
from click.testing import CliRunner

from srbench.cli import cli
from srbench.data import dataset_names, find_dataset
from srbench.data.verify import set_pixels_sha256

FIVE = {f"img_{i:03d}.png": (16, 16) for i in range(1, 6)}


def srbench(*arguments):
    return CliRunner().invoke(cli, ["data", *arguments])


def test_list_as_json(make_images):
    folder = make_images(FIVE, folder="data/Set5")
    result = srbench("list", "--json")
    assert result.exit_code == 0
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert tuple(rows) == dataset_names()
    assert set(rows["set5"]) == {"name", "summary", "images", "folder", "found", "get"}
    assert rows["set5"]["found"] == 5
    assert (folder.parent.parent / rows["set5"]["folder"]).samefile(folder)
    assert rows["div2k"]["folder"] is None


def test_list_for_people_says_what_is_missing_and_what_is_incomplete(make_images, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    make_images({"a.png": (16, 16)}, folder="data/Set5")
    lines = srbench("list").stdout.splitlines()
    below = {line.partition(":")[0]: lines[n + 1].strip() for n, line in enumerate(lines[:-1])}
    assert below["set5"].startswith("in ")
    assert below["set5"].endswith("(1 of 5 images)")
    assert below["div2k"].startswith("missing: run `srbench data get div2k`")


def test_prepare_says_its_disk_use_and_is_quick_again(make_images):
    make_images(FIVE, folder="data/Set5")
    first = srbench("prepare", "set5", "photos-test", "--workers", "2")
    assert first.exit_code == 0
    assert "set5: 5 images, 0.00 GB in" in first.stderr
    assert "photos-test: 3 images ready in" in first.stdout
    second = srbench("prepare", "set5")
    assert second.exit_code == 0
    assert second.stderr == ""


def test_verify_prints_the_manifest(make_images):
    make_images(FIVE, folder="data/Set5")
    result = srbench("verify", "set5", "--json")
    (row,) = json.loads(result.stdout)
    manifest = find_dataset("set5").manifest()
    assert row == {
        "name": "set5",
        "images": 5,
        "sha256": manifest.sha256,
        "files_sha256": manifest.files_sha256,
        "pixels_sha256": set_pixels_sha256(find_dataset("set5").files),
        "store": None,
    }
    srbench("prepare", "set5")
    said = srbench("verify", "set5").stdout
    assert "set5: 5 images decode, its store is intact" in said
    assert "(another copy than the leaderboard's cef28b27" in said


@pytest.mark.parametrize("action", ["prepare", "verify"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("urban100", "SRBENCH_DATA"),
        ("folder:gone", "expected a folder of images"),
        ("set55", "did you mean 'set5'"),
    ],
)
def test_mistakes_are_one_message_and_status_2(action, name, message):
    result = srbench(action, name)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert result.stdout == ""


def test_what_is_no_image_is_status_2(make_images):
    folder = make_images(FIVE, folder="mine")
    (folder / "img_003.png").write_text("no image")
    result = srbench("prepare", f"folder:{folder}")
    assert result.exit_code == 2
    assert "img_003.png, which is damaged or no image" in result.stderr
