"""Images decoded once or whenever a patch is cut from them: the same patches; found by a place."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from srbench.data import (
    PatchSampler,
    find_dataset,
    open_images,
    place_of,
    prepare_images,
    split_validation,
)
from srbench.errors import DataError, ImageError

SIZES = {"a.png": (64, 64), "b.png": (97, 66), "deep/c.png": (130, 171), "d.png": (64, 200)}


@pytest.fixture
def dataset(make_images):
    return find_dataset(f"folder:{make_images(SIZES)}")


def batches(images, count=12):
    with PatchSampler(images, patch_size=32, batch_size=6, scale=4, seed=1) as patches:
        return [patches.next() for _ in range(count)], patches.state_dict()


def test_patches_are_the_same_and_a_stream_goes_on_in_the_other_form(dataset):
    """Also where a batch holds an image twice: six patches of four images."""
    (stored, state), (decoded, other) = (
        batches(prepare_images(dataset, keeping)) for keeping in ("pixels", "files")
    )
    for one, two in zip(stored, decoded, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert state == other


@pytest.mark.parametrize("keeping", ["pixels", "files"])
def test_prepared_images_are_found_by_their_place_alone(dataset, keeping):
    place = place_of(dataset, keeping)
    assert open_images(place) is None
    prepared = prepare_images(dataset, keeping)
    shutil.move(dataset.root / "deep", dataset.root.parent / "away")  # nobody looks
    assert open_images(place).names == dataset.names == prepared.names
    with pytest.raises(AttributeError):
        open_images(place).names = ()


def test_files_take_no_disk(dataset, own_cache):
    prepare_images(dataset, "files")
    assert not list(own_cache.rglob("pixels.u8"))
    assert sum(file.stat().st_size for file in own_cache.rglob("*") if file.is_file()) < 8000


def test_a_file_that_changed_is_not_trained_on(dataset):
    images = prepare_images(dataset, "files")
    assert np.array_equal(images.load(0), dataset.load(0))
    shutil.copy(dataset.files[1], dataset.files[0])
    with pytest.raises(DataError, match=r"expected .*a\.png to stay as it was"):
        images.load(0)
    dataset.files[0].unlink()
    with pytest.raises(ImageError, match=r"a\.png: No such file"):
        images.load(0)


def test_the_same_files_in_another_folder_are_another_place_but_one_store(dataset, tmp_path):
    shutil.copytree(dataset.root, tmp_path / "copy" / "images")
    copy = find_dataset(f"folder:{tmp_path / 'copy' / 'images'}")
    assert place_of(copy, "pixels") == place_of(dataset, "pixels")
    assert place_of(copy, "files") != place_of(dataset, "files")


def test_names_that_are_no_text_are_found_again(make_images):
    folder = make_images({"a.png": (40, 40), "b.png": (40, 44)})
    os.rename(os.fsencode(folder / "a.png"), os.fsencode(folder) + b"/\xff.png")
    dataset = find_dataset(f"folder:{folder}")
    images = prepare_images(dataset, "files")
    assert all(np.array_equal(images.load(i), dataset.load(i)) for i in range(2))


def test_the_parts_of_a_set_take_its_hashes(dataset, monkeypatch):
    train, val = split_validation(dataset, 1)
    known = [part.manifest() for part in (train, val)]
    assert known == [replace(part).manifest() for part in (train, val)]
    monkeypatch.setattr("srbench.data.dataset.hash_files", None)
    assert [part.manifest() for part in split_validation(dataset, 1)] == known
