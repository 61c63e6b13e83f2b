import os

import numpy as np
import PIL.Image
import pytest

from srbench.data import catalog, photos
from srbench.data.catalog import dataset_names, describe_datasets, find_dataset
from srbench.errors import DataError, UnknownName

FIVE = {f"img_{i:03d}.png": (16, 16) for i in range(1, 6)}


def test_all_names_of_the_design_are_known():
    assert set(dataset_names()) == {
        "set5", "set14", "bsd100", "urban100", "bsds-train300", "bsdt100", "bsdt20", "div2k",
        "div2k-valid", "manga109", "imagenet",
        "photos", "photos-test",
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["Set5", "set5", "SET5", "Set5/HR"])
def test_folder_names_have_no_case(folder, make_images, tmp_path, monkeypatch):
    make_images(FIVE, folder=f"roots/b/{folder}")
    (tmp_path / "roots" / "a").mkdir()
    monkeypatch.setenv("SRBENCH_DATA", f"{tmp_path / 'roots/a'}:{tmp_path / 'roots/b'}")
    dataset = find_dataset("set5")
    assert dataset.name == "set5"
    assert dataset.names == tuple(name[:-4] for name in FIVE)
    assert dataset.load(2).shape == (16, 16, 3)


def test_roots_are_searched_in_order_and_then_the_data_folder(make_images, tmp_path, monkeypatch):
    make_images(FIVE, folder="data/Set5")
    assert find_dataset("set5").root.resolve() == tmp_path / "data" / "Set5"
    make_images(FIVE, folder="elsewhere/set5")
    monkeypatch.setenv("SRBENCH_DATA", str(tmp_path / "elsewhere"))
    assert find_dataset("set5").root == tmp_path / "elsewhere" / "set5"


def test_missing_data_says_where_it_looked_and_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("SRBENCH_DATA", f"{tmp_path / 'a'}:{tmp_path / 'gone'}")
    with pytest.raises(DataError) as caught:
        find_dataset("urban100")
    assert str(tmp_path / "a") in caught.value.what
    assert f"{tmp_path / 'gone'} (no such folder)" in caught.value.what
    assert f"{tmp_path / 'data'} (no such folder)" in caught.value.what
    assert "SelfExSR" in caught.value.fix
    assert "SRBENCH_DATA" in caught.value.fix
    assert caught.value.exit_status == 2


def test_incomplete_sets_are_refused(make_images):
    make_images({"a.png": (16, 16)}, folder="data/Set5")
    with pytest.raises(DataError, match=r"expected 5 images of 'set5' in .*, got 1"):
        find_dataset("set5")


def test_unknown_names_get_suggestions():
    with pytest.raises(UnknownName, match="did you mean 'set14'"):
        find_dataset("sett14")


def test_any_folder_with_its_subfolders(make_images):
    folder = make_images({"b.png": (8, 8), "x/a.png": (8, 8)}, folder="My holiday")
    dataset = find_dataset(f"folder:{folder}")
    assert dataset.name == "folder-My_holiday"
    assert dataset.names == ("b", "a")
    assert str(folder.parent) not in repr(dataset.manifest())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder:", "empty path"),
        ("folder:gone", "nothing there"),
        ("folder:empty", "images in .*, got none"),
    ],
)
def test_bad_folders(name, message, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        find_dataset(name)


def imagenet(make_images, small=()):
    sizes = {
        f"n{c:02d}/n{c:02d}_{i}.png": (40, 120) if (c, i) in small else (96, 100)
        for c in range(4)
        for i in range(5)
    }
    return make_images(sizes, folder="data/ImageNet/train")


def test_imagenet_subset_is_seeded_and_travels(make_images, tmp_path):
    imagenet(make_images)
    first = find_dataset("imagenet", count=7, seed=1)
    assert len(first) == 7
    assert list(first.files) == sorted(first.files)
    assert find_dataset("imagenet", count=7, seed=1).files == first.files
    assert find_dataset("imagenet", count=7, seed=2).files != first.files
    assert set(find_dataset("imagenet", count=3, seed=1).files) < set(first.files)
    # The identity that a paper would publish: of the list, wherever the folder is.
    here = first.manifest()
    (tmp_path / "data" / "ImageNet").rename(tmp_path / "data" / "moved")
    (tmp_path / "data" / "moved" / "train").rename(tmp_path / "data" / "ILSVRC2012_img_train")
    there = find_dataset("imagenet", count=7, seed=1).manifest()
    assert there == here
    assert there.files_sha256 != find_dataset("imagenet", count=7, seed=2).manifest().files_sha256


def test_imagenet_subset_is_pinned(make_images):
    """The published list of a seed must never change with a release of anything."""
    imagenet(make_images)
    names = find_dataset("imagenet", count=4, seed=0).names
    assert names == PINNED_SUBSET


PINNED_SUBSET = ("n01_4", "n02_0", "n03_0", "n03_2")


def test_imagenet_passes_over_small_images(make_images):
    small = {(0, 0), (2, 3)}
    imagenet(make_images, small)
    dataset = find_dataset("imagenet", count=18, seed=5)
    assert not {"n00_0", "n02_3"} & set(dataset.names)
    assert len(find_dataset("imagenet")) == 18
    with pytest.raises(DataError, match=r"expected 19 or more images .* at least 96 px, got 18"):
        find_dataset("imagenet", count=19)


def test_photos_are_real_photographs_of_the_installed_wheel():
    train, test = find_dataset("photos"), find_dataset("photos-test")
    assert not set(train.names) & set(test.names)
    assert {"motorcycle_left", "motorcycle_right"} <= set(train.names)
    hashes = [*train.manifest().entries.values(), *test.manifest().entries.values()]
    assert len(set(hashes)) == len(train) + len(test)
    for dataset in (train, test):
        for index in range(len(dataset)):
            assert min(dataset.load(index).shape[:2]) >= 300
    for index in range(len(test)):
        image = test.load(index).astype(int)
        assert np.abs(image[..., 0] - image[..., 2]).mean() > 5, "a test photograph is grey"


def test_photos_pinned_hashes_are_those_of_the_files():
    for name, photo_set in photos.PHOTOS.items():
        assert dict(find_dataset(name).manifest().entries) == photo_set.sha256
        assert photo_set.summary.startswith(f"{len(photo_set.sha256)} ")


def test_photos_of_another_scikit_image_are_refused(tmp_path, monkeypatch):
    (tmp_path / "skimage" / "data").mkdir(parents=True)
    (tmp_path / "skimage" / "__init__.py").touch()
    (tmp_path / "skimage" / "data" / "astronaut.png").write_bytes(b"other")

    class Spec:
        submodule_search_locations = (str(tmp_path / "skimage"),)

    monkeypatch.setattr(photos.importlib.util, "find_spec", lambda name: Spec)
    photos.photo_files.cache_clear()
    with pytest.raises(DataError, match=r"photograph astronaut\.png .* got sha256 d9298a10d1b0"):
        find_dataset("photos-test")
    with pytest.raises(DataError, match=r"photograph brick\.png .* got no such file"):
        find_dataset("photos")
    monkeypatch.setattr(photos.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="not installed"):
        find_dataset("photos")


def test_listing_describes_found_and_missing(make_images):
    make_images(FIVE, folder="data/Set5")
    infos = {info.name: info for info in describe_datasets()}
    assert tuple(infos) == dataset_names()
    assert infos["set5"].found == infos["set5"].images == 5
    assert infos["div2k"].folder is None
    assert "ethz" in infos["div2k"].get
    assert infos["photos"].found == 12


def test_the_published_bsdt100_list_is_what_the_folder_holds(shared_data, monkeypatch):
    if not (shared_data / "bsdt100").is_dir():
        pytest.skip(f"no bsdt100 in {shared_data}")
    monkeypatch.setenv("SRBENCH_DATA", str(shared_data))
    listed = (catalog.Path(catalog.__file__).parent / "bsdt100.txt").read_text().split()
    assert sorted(find_dataset("bsdt100").names) == sorted(listed)
    assert not set(listed) & set(find_dataset("bsds-train300").names)
    assert set(find_dataset("bsdt20").names) == set(sorted(listed)[::5])


@pytest.mark.parametrize("name", ["set5", "set14", "bsd100", "bsds-train300", "bsdt100", "bsdt20"])
def test_benchmark_sets_are_found_complete(name, shared_data, monkeypatch):
    monkeypatch.setenv("SRBENCH_DATA", os.fspath(shared_data))
    dataset = find_dataset(name)
    assert len(dataset) == next(i.images for i in describe_datasets() if i.name == name)
    with PIL.Image.open(dataset.files[0]) as image:
        assert dataset.load(0).shape[:2] == image.size[::-1]
