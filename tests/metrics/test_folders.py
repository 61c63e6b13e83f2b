"""Name-matching of folders, and what an evaluation gives."""

from __future__ import annotations

import csv
import io
import math
import os

import numpy as np
import pytest

from srbench.errors import DataError, ImageError, UserError
from srbench.metrics.folders import Evaluation, MetricScores, evaluate_folders
from srbench.metrics.matching import match_folders


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
    with pytest.raises(DataError, match=r"one image called 'img_1'.*'img_1\.jpg' and 'img_1\.png'"):
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


def test_a_truncated_image_costs_its_own_scores(folders, specs):
    file = folders[0] / "img_1.png"
    file.write_bytes(file.read_bytes()[:-400])
    result = evaluate_folders(*folders, [specs["psnr"], specs["ssim"]])
    for scores in result.metrics.values():
        assert list(scores.per_image) == ["img_2.png", "img_10.png"]
        assert list(scores.failed) == ["img_1.png"]
        assert scores.mean == math.fsum(scores.per_image.values()) / 2
    assert result.csv().splitlines()[1] == "img_1.png,,"
    assert "img_1.png" in result.document()["metrics"]["ssim"]["failed"]["img_1.png"]


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


@pytest.mark.parametrize(
    ("sr", "hr"),
    [
        ("{}x4", "{}"),  # DIV2K's own LR names
        ("{}x4_out", "{}"),  # Real-ESRGAN on them
        ("{}_out", "{}"),
        ("{}_x4_ESRGAN", "{}"),  # BasicSR
        ("img_{}_SRF_4_LR_out", "img_{}_SRF_4_HR"),  # Urban100
        ("img_{}_SRF_4_HR", "img_{}_SRF_4_HR"),
        ("img_{}_SRF_4_SR", "img_{}_SRF_4_HR"),
        ("{}", "{}_GT"),
        ("{}-sr", "{}"),
    ],
)
@pytest.mark.parametrize("numbers", [("0801", "0811", "0821"), ("0801",)])
def test_the_namings_of_the_field_match_without_a_flag(sr, hr, numbers, write, tmp_path, caplog):
    for number in numbers:
        write(f"sr/{sr.format(number)}.png", noise(seed=int(number)))
        write(f"hr/{hr.format(number)}.png", noise(seed=int(number)))
    pairs = match_folders(tmp_path / "sr", tmp_path / "hr")
    assert [(p.sr.stem, p.hr.stem) for p in pairs] == [
        (sr.format(number), hr.format(number)) for number in numbers
    ]
    assert (sr == hr) == (not caplog.records)  # what was left out of the names is said


def test_a_folder_for_each_image_matches_one_for_all(write, tmp_path):
    """As BasicSR leaves its validation images: visualization/baby/baby_x4_ESRGAN.png."""
    for name in ("baby", "bird"):
        write(f"sr/{name}/{name}_x4_ESRGAN.png", noise())
        write(f"hr/{name}.png", noise())
    pairs = match_folders(tmp_path / "sr", tmp_path / "hr")
    assert [(p.name, p.hr.name) for p in pairs] == [
        ("baby/baby_x4_ESRGAN.png", "baby.png"),
        ("bird/bird_x4_ESRGAN.png", "bird.png"),
    ]
    write("sr/other/baby_x4_ESRGAN.png", noise())  # two of one name: nothing is guessed
    with pytest.raises(DataError, match="without an SR image"):
        match_folders(tmp_path / "sr", tmp_path / "hr")


def test_other_images_are_not_matched_by_their_numbers(write, tmp_path):
    write("sr/cat_1.png", noise())
    write("hr/cat_2.png", noise())
    with pytest.raises(DataError, match="without an SR image"):
        match_folders(tmp_path / "sr", tmp_path / "hr")


def test_subset_and_suffix(folders, write, caplog):
    sr, hr = folders
    write("sr/img_1_x4.png", noise())
    (hr / "img_10.png").unlink()
    with pytest.raises(DataError, match="--subset scores the 2 that match"):
        match_folders(sr, hr)
    assert [pair.name for pair in match_folders(sr, hr, subset=True)] == ["img_1.png", "img_2.png"]
    assert "img_10.png" in caplog.text
    pairs = match_folders(sr, hr, subset=True, sr_suffix="_x4")
    assert [(p.name, p.hr.name) for p in pairs] == [("img_1_x4.png", "img_1.png")]


def test_two_files_are_a_pair_whatever_their_names(write, tmp_path):
    write("this.png", noise())
    write("that.png", noise(seed=1))
    (pair,) = match_folders(tmp_path / "this.png", tmp_path / "that.png")
    assert (pair.name, pair.hr.name) == ("this.png", "that.png")


def test_subfolders_are_entered_where_all_images_lie_in_them(write, tmp_path, caplog):
    for folder in ("sr", "hr"):
        write(f"{folder}/000/im0.png", noise())
        write(f"{folder}/001/im0.png", noise(seed=1))
    pairs = match_folders(tmp_path / "sr", tmp_path / "hr")
    assert [pair.name for pair in pairs] == ["000/im0.png", "001/im0.png"]
    write("sr/im0.png", noise())
    write("hr/im0.png", noise())
    assert [p.name for p in match_folders(tmp_path / "sr", tmp_path / "hr")] == ["im0.png"]
    assert "the folders: 000, 001" in caplog.text


def test_names_that_look_alike_match_and_any_bytes_are_a_name(write, tmp_path):
    write("sr/\u00e9.png", noise())
    write("hr/e\u0301.png", noise())
    for folder in ("sr", "hr"):
        write(f"{folder}/plain.png", noise())
        (tmp_path / folder / "plain.png").rename(tmp_path / folder / os.fsdecode(b"caf\xe9.png"))
    pairs = match_folders(tmp_path / "sr", tmp_path / "hr")
    assert {pair.name for pair in pairs} == {"\u00e9.png", r"caf\xe9.png"}
    write("sr/e\u0301.png", noise())
    with pytest.raises(DataError, match=r"got 'e\\u0301.png' and '\\xe9.png'"):
        match_folders(tmp_path / "sr", tmp_path / "hr")


@pytest.mark.network
def test_a_constant_image_costs_its_niqe_alone(write, tmp_path, specs, weights, photo_pair):
    write("sr/flat.png", np.full((128, 128, 3), 90, np.uint8))
    write("sr/photo.png", photo_pair[0])
    niqe = evaluate_folders(tmp_path / "sr", None, [specs["niqe"]], weights=weights).metrics["niqe"]
    assert list(niqe.per_image) == ["photo.png"]
    assert niqe.failed["flat.png"].endswith("one that is flat in all its blocks; it is constant")
