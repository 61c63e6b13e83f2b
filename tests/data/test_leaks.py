"""Test images among the training images: equal files, re-encoded copies, crops; and none else."""

import io

import numpy as np
import PIL.Image
import pytest
import skimage.data

from srbench.data import find_dataset, overlap
from srbench.data.leaks import AGREEING, find_marks
from srbench.imaging import read_image


def save(path, image, **options):
    path.parent.mkdir(exist_ok=True)
    PIL.Image.fromarray(image).save(path, **options)


@pytest.fixture
def sets(tmp_path):
    """Photographs to test on, and others to train on."""
    for name in ("astronaut", "chelsea", "coffee"):
        save(tmp_path / "test" / f"{name}.png", getattr(skimage.data, name)())
    for name in ("camera", "coins", "brick", "moon"):
        gray = getattr(skimage.data, name)()
        save(tmp_path / "train" / f"{name}.png", np.stack([gray] * 3, axis=2))

    def find():
        return find_dataset(f"folder:{tmp_path}/train"), find_dataset(f"folder:{tmp_path}/test")

    return tmp_path, find


def test_other_photographs_do_not_overlap(sets):
    assert overlap(*sets[1]()) == ()


def test_copies_and_crops_are_found_and_equal_files_told_apart(sets):
    folder, find = sets
    save(folder / "train" / "renamed.png", skimage.data.astronaut())
    save(folder / "train" / "again.jpg", skimage.data.chelsea(), quality=40)
    save(folder / "train" / "part.png", skimage.data.coffee()[101:333, 77:401])
    assert [(o.test, o.train, o.kind) for o in overlap(*find())] == [
        ("astronaut.png", "renamed.png", "same file"),
        ("chelsea.png", "again.jpg", "near copy"),
        ("coffee.png", "part.png", "near copy"),
    ]
    assert min(o.marks for o in overlap(*find()) if o.kind == "near copy") >= AGREEING
    assert [o.test for o in overlap(*find(), near=False)] == ["astronaut.png"]


def test_a_test_set_that_is_cropped_from_training_images_is_found(sets):
    folder, find = sets
    save(folder / "train" / "whole.png", skimage.data.chelsea())
    save(folder / "test" / "chelsea.png", skimage.data.chelsea()[50:250, 100:350])
    assert [o.test for o in overlap(*find())] == ["chelsea.png"]


def test_flat_and_tiny_images_have_no_marks():
    for image in (np.full((200, 200, 3), 7, np.uint8), np.zeros((8, 8, 3), np.uint8)):
        assert len(find_marks(image).places) == 0


@pytest.mark.slow
def test_the_benchmarks_own_sets_do_not_overlap_and_half_crops_of_bsd100_are_found(
    shared_data, tmp_path, monkeypatch
):
    monkeypatch.setenv("SRBENCH_DATA", str(shared_data))
    test = find_dataset("bsd100")
    assert overlap(find_dataset("bsdt100"), test) == ()
    assert overlap(find_dataset("bsds-train300"), test) == ()
    assert overlap(find_dataset("bsds-train300"), find_dataset("bsdt100")) == ()
    rng = np.random.default_rng(0)
    for file in test.files:
        image = read_image(file)
        top, left = (int(rng.integers(0, side // 2)) for side in image.shape[:2])
        half = image[top : top + image.shape[0] // 2, left : left + image.shape[1] // 2]
        stream = io.BytesIO()
        PIL.Image.fromarray(half).save(stream, "JPEG", quality=50)
        (tmp_path / f"{file.stem}.jpg").write_bytes(stream.getvalue())
    found = overlap(find_dataset(f"folder:{tmp_path}"), test)
    assert [o.train.split(".")[0] for o in found] == [file.stem for file in test.files]
