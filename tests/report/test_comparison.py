"""The comparison picture: where it crops, and what it shows there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from srbench.errors import ImageError
from srbench.report.comparison import choose_crop, comparison_picture

RNG = np.random.default_rng(0)


@pytest.fixture
def images():
    """Three rows that differ in one 40 x 40 square, between ends that differ elsewhere."""
    base = RNG.integers(90, 110, (160, 220, 3), dtype=np.uint8)
    rows = {name: base.copy() for name in ("bicubic", "pixel", "vgg16", "alexnet", "hr")}
    for index, name in enumerate(("pixel", "vgg16", "alexnet")):
        rows[name][100:140, 30:70] = 80 * index
    rows["bicubic"][:60, 150:] = 0
    rows["hr"][:60, 150:] = 255
    return rows


def test_crop_is_where_the_losses_differ_most(images):
    assert choose_crop(images, side=40) == (100, 30, 40)


def test_default_side_is_a_fifth_within_limits(images):
    assert choose_crop(images)[2] == 40
    assert choose_crop({"a": np.zeros((30, 50, 3), np.uint8)}) == (0, 0, 30)
    big = np.zeros((2000, 3000, 3), np.uint8)
    assert choose_crop({"a": big, "b": big})[2] == 80


def test_with_only_the_ends_they_choose(images):
    top, left, side = choose_crop({k: images[k] for k in ("bicubic", "hr")}, side=40)
    assert top + side <= 60
    assert left >= 150


def test_picture_shows_each_crop_magnified_by_a_whole_number(images):
    picture = np.asarray(comparison_picture(images, panel=240))
    zoom = 6
    crop = images["vgg16"][100:140, 30:70]
    panel = crop.repeat(zoom, axis=0).repeat(zoom, axis=1)
    flat = (picture == panel[0, 0]).all(axis=-1)
    found = [
        (y, x)
        for y, x in zip(*np.nonzero(flat), strict=True)
        if y + 240 <= picture.shape[0]
        and x + 240 <= picture.shape[1]
        and (picture[y : y + 240, x : x + 240] == panel).all()
    ]
    assert found


def test_paths_and_arrays_give_the_same_picture(images, tmp_path):
    paths = {}
    for name, pixels in images.items():
        paths[name] = tmp_path / f"{name}.png"
        Image.fromarray(pixels).save(paths[name])
    captions = {"pixel": "28.43 dB"}
    one = comparison_picture(images, captions=captions, title="photos-test: coffee")
    two = comparison_picture(paths, captions=captions, title="photos-test: coffee")
    assert one.tobytes() == two.tobytes()
    assert one.size == two.size


def test_captions_and_titles_are_drawn(images):
    bare = comparison_picture(images)
    titled = comparison_picture(images, title="photos-test")
    captioned = comparison_picture(images, captions={"pixel": "28.43 dB"})
    assert titled.height > bare.height
    assert captioned.tobytes() != bare.tobytes()


@pytest.mark.parametrize("count", [1, 2, 3, 9, 14, 50])
def test_any_number_of_rows_fits(count):
    images = {f"loss-{i}" * 9: np.full((64, 48, 3), i, np.uint8) for i in range(count)}
    picture = comparison_picture(images)
    assert picture.width < 12_000
    assert picture.height < 6_000


def test_sizes_must_agree(images):
    images["alexnet"] = images["alexnet"][:-4]
    with pytest.raises(ImageError, match="alexnet"):
        comparison_picture(images)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 4), np.uint8)],
)
def test_arrays_must_be_rgb_uint8(pixels):
    with pytest.raises(ImageError, match="RGB uint8"):
        comparison_picture({"a": pixels})


def test_a_broken_file_is_named(images, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"not an image")
    with pytest.raises(ImageError, match="alexnet"):
        comparison_picture({**images, "alexnet": path})


def test_no_images_and_unknown_whole_are_refused(images):
    with pytest.raises(ImageError, match="at least one"):
        comparison_picture({})
    with pytest.raises(ImageError, match="shown whole"):
        comparison_picture(images, whole="nobody")
