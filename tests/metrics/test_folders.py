"""Name-matching of folders, and what an evaluation gives."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest

from srbench.errors import DataError, ImageError, UserError
from srbench.metrics.folders import Evaluation, MetricScores, evaluate_folders, match_folders


def noise(size=(24, 28), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def folders(write, tmp_path):
    for i in (1, 2, 10):
        write(f"sr/img_{i}.png", noise(seed=i))
        write(f"hr/img_{i}.png", noise(seed=i + 20))
    return tmp_path / "sr", tmp_path / "hr"


def test_pairs_come_in_natural_order_under_the_sr_names(folders):
    pairs = match_folders(*folders)
    assert [pair.name for pair in pairs] == ["img_1.png", "img_2.png", "img_10.png"]
    assert all(pair.hr.stem == pair.sr.stem for pair in pairs)
    assert [pair.hr for pair in match_folders(folders[0], None)] == [None] * 3


def test_suffixes_do_not_matter_for_matching(folders):
    sr, hr = folders
    import PIL.Image

    PIL.Image.fromarray(noise(seed=1)).save(sr / "img_1.bmp")
    (sr / "img_1.png").unlink()
    assert match_folders(sr, hr)[0].name == "img_1.bmp"


def test_missing_and_extra_images_are_named(folders, write):
    sr, hr = folders
    (sr / "img_2.png").unlink()
    write("sr/other.png", noise())
    with pytest.raises(DataError) as caught:
        match_folders(sr, hr)
    assert "1 without an SR image" in caught.value.what
    assert "img_2.png" in caught.value.what
    assert "1 without an HR image" in caught.value.what
    assert "other.png" in caught.value.what


def test_two_files_of_one_stem(folders):
    sr, hr = folders
    (sr / "img_1.jpg").write_bytes((sr / "img_1.png").read_bytes())
    with pytest.raises(DataError, match=r"one image called 'img_1'.*img_1\.jpg and img_1\.png"):
        match_folders(sr, hr)


def test_folders_that_are_not_there_or_empty(folders, tmp_path):
    with pytest.raises(DataError, match="nothing there"):
        match_folders(tmp_path / "none", folders[1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected images in .*empty, got none"):
        match_folders(folders[0], tmp_path / "empty")


def test_sizes(folders, write):
    write("sr/img_1.png", noise((24, 24)))
    with pytest.raises(ImageError, match=r"got 24 x 24 in .*img_1\.png and 24 x 28"):
        match_folders(*folders)


def test_hr_is_cropped_as_the_field_does(folders, write, specs):
    hr = noise((31, 30), seed=5)
    write("hr/img_1.png", hr)
    write("sr/img_1.png", hr[:28, :28])
    scores = evaluate_folders(*folders, [specs["psnr"]]).metrics["psnr"].per_image
    assert scores["img_1.png"] == pytest.approx(80.0)
    with pytest.raises(ImageError, match="check --scale \\(now 3\\)"):
        match_folders(*folders, scale=3)


def test_an_image_that_is_none(folders):
    (folders[0] / "img_1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(ImageError, match=r"img_1\.png"):
        match_folders(*folders)


def test_a_truncated_image_fails_while_scoring(folders, specs):
    file = folders[0] / "img_1.png"
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(ImageError, match=r"img_1\.png"):
        evaluate_folders(*folders, [specs["psnr"]])


def test_full_reference_needs_hr(folders, specs):
    with pytest.raises(UserError, match="HR images, which psnr compare with"):
        evaluate_folders(folders[0], None, [specs["psnr"], specs["niqe"]])


def test_evaluation_of_folders(folders, specs):
    result = evaluate_folders(*folders, [specs["psnr"], specs["ssim"]], workers=2)
    document = result.document()
    assert {k: document[k] for k in ("protocol", "scale", "images")} == {
        "protocol": "y4-v2", "scale": 4, "images": 3,
    }  # fmt: skip
    psnr = document["metrics"]["psnr"]
    assert list(psnr["per_image"]) == ["img_1.png", "img_2.png", "img_10.png"]
    assert psnr["mean"] == result.mean("psnr") == math.fsum(psnr["per_image"].values()) / 3
    assert psnr["lower_is_better"] is False
    rgb = evaluate_folders(*folders, [specs["psnr"]], protocol="rgb4-v2")
    assert rgb.mean("psnr") < result.mean("psnr") - 2  # independent noise per channel: Y averages


def evaluation(**per_image: float) -> Evaluation:
    names = tuple(name.replace("_", ".") for name in per_image)
    scores = MetricScores(
        lower_is_better=True, per_image=dict(zip(names, per_image.values(), strict=True))
    )
    return Evaluation(protocol="y4-v2", scale=4, images=names, metrics={"m": scores})


def test_the_mean_does_not_depend_on_the_order():
    values = {"a": 1e16, "b": 1.0, "c": -1e16, "d": 1.0}
    forth = MetricScores(lower_is_better=True, per_image=values)
    back = MetricScores(lower_is_better=True, per_image=dict(reversed(values.items())))
    assert forth.mean == back.mean == 0.5


def test_csv_round_trips_and_is_inert():
    result = evaluation(a_png=0.1, b_png=1 / 3)
    rows = list(csv.reader(io.StringIO(result.csv())))
    assert rows[0] == ["image", "m"]
    assert float(rows[2][1]) == 1 / 3
    assert rows[-1] == ["mean", repr(result.mean("m"))]
    hostile = Evaluation(
        protocol="y4-v2", scale=4, images=("=cmd()",),
        metrics={"m": MetricScores(lower_is_better=True, per_image={"=cmd()": -1.0})},
    )  # fmt: skip
    assert "'=cmd(),-1.0" in hostile.csv()
