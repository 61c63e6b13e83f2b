import hashlib
import itertools
import os
import shutil

import pytest

from srbench.data import cache
from srbench.data.dataset import Dataset, DatasetManifest, split_validation
from srbench.errors import DataError, ImageError
from srbench.imaging import list_images


def dataset_of(folder, **options):
    files = list_images(folder, recursive=True)
    return Dataset(name="mine", root=folder, files=files, **options)


def test_manifest_is_the_sha256_of_names_and_bytes(make_images):
    folder = make_images({"b.png": (4, 4), "x/a.png": (5, 5)})
    manifest = dataset_of(folder).manifest()
    expected = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("b.png", "x/a.png")
    }
    assert dict(manifest.entries) == expected
    text = "".join(f"{name}\0{digest}\n" for name, digest in expected.items())
    assert manifest.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert manifest.files_sha256 == hashlib.sha256(b"b.png\nx/a.png\n").hexdigest()
    assert (manifest.name, manifest.count) == ("mine", 2)


def test_manifest_changes_with_content_and_name_but_not_with_place(make_images, tmp_path):
    folder = make_images({"a.png": (4, 4), "b.png": (5, 5)})
    before = dataset_of(folder).manifest()
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert dataset_of(moved).manifest() == before
    (moved / "b.png").rename(moved / "c.png")
    renamed = dataset_of(moved).manifest()
    assert renamed.sha256 != before.sha256
    (moved / "c.png").write_bytes((moved / "a.png").read_bytes())
    changed = dataset_of(moved).manifest()
    assert changed.sha256 != renamed.sha256
    assert changed.files_sha256 == renamed.files_sha256


def test_unchanged_files_are_hashed_once(make_images, monkeypatch):
    folder = make_images({"a.png": (4, 4), "b.png": (5, 5)})
    monkeypatch.setattr(cache, "_RACY_NS", -1)
    first = dataset_of(folder).manifest()
    read = []
    real = cache._sha256
    monkeypatch.setattr(cache, "_sha256", lambda file: read.append(file.name) or real(file))
    assert dataset_of(folder).manifest() == first
    assert read == []
    # Same size, and the time stamp put back: the change time still gives it away.
    stat = (folder / "b.png").stat()
    data = bytearray((folder / "b.png").read_bytes())
    data[-1] ^= 1
    (folder / "b.png").write_bytes(data)
    os.utime(folder / "b.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert dataset_of(folder).manifest() != first
    assert read == ["b.png"]


def test_files_that_just_changed_are_not_remembered(make_images, own_cache):
    dataset_of(make_images({"a.png": (4, 4)})).manifest()
    assert not (own_cache / "hashes").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1}', '{"version": 99}', "null"])
def test_a_damaged_memory_of_hashes_is_only_ignored(content, make_images, own_cache, monkeypatch):
    monkeypatch.setattr(cache, "_RACY_NS", -1)
    folder = make_images({"a.png": (4, 4)})
    first = dataset_of(folder).manifest()
    (record,) = (own_cache / "hashes").iterdir()
    record.write_text(content)
    assert dataset_of(folder).manifest() == first


def test_names_are_unique(make_images):
    flat = dataset_of(make_images({"a.png": (4, 4), "b.jpg": (4, 4)}, folder="flat"))
    assert flat.names == ("a", "b")
    deep = dataset_of(make_images({"x/a.png": (4, 4), "y/a.png": (4, 4)}, folder="deep"))
    assert deep.names == ("x__a", "y__a")
    twins = dataset_of(make_images({"a.png": (4, 4), "a.bmp": (4, 4)}, folder="twins"))
    assert twins.names == ("a.bmp", "a.png")


def test_loading_what_is_no_image_names_it(make_images):
    folder = make_images({"a.png": (4, 4)})
    (folder / "b.png").write_text("nothing")
    with pytest.raises(ImageError, match=r"b\.png"):
        dataset_of(folder).load(1)


TWENTY = {f"{i}.png": (4, 4 + i) for i in range(20)}


def test_split_is_by_content_not_by_name_or_order(make_images, tmp_path):
    folder = make_images(TWENTY)
    train, val = split_validation(dataset_of(folder), 5)
    assert (len(train), len(val)) == (15, 5)
    assert set(train.files) | set(val.files) == set(dataset_of(folder).files)
    assert (train.name, val.name) == ("mine", "mine-val")
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for i, file in enumerate(dataset_of(folder).files):
        shutil.copy(file, renamed / f"{(7 * i) % 20:02d}_new.png")
    _, same = split_validation(dataset_of(renamed), 5)
    assert set(same.manifest().entries.values()) == set(val.manifest().entries.values())


def test_more_validation_images_keep_those_held_out_before(make_images):
    dataset = dataset_of(make_images(TWENTY))
    held_out = [set(split_validation(dataset, count)[1].files) for count in range(10)]
    assert all(a < b for a, b in itertools.pairwise(held_out))
    assert len(split_validation(dataset, 0)[0]) == 20


def test_twins_and_scenes_are_never_held_out(make_images):
    folder = make_images({f"{i}.png": (4, 4 + i) for i in range(6)})
    shutil.copy(folder / "3.png", folder / "copy.png")
    dataset = dataset_of(folder, scenes=(("0", "1"),))
    train, val = split_validation(dataset, 3)
    assert set(val.names) == {"2", "4", "5"}
    assert set(train.names) == {"0", "1", "3", "copy"}
    with pytest.raises(DataError, match=r"expected 4 images .* got 3 that have no twin"):
        split_validation(dataset, 4)


@pytest.mark.parametrize("count", [-1, 6, 7])
def test_impossible_splits_are_refused(count, make_images):
    dataset = dataset_of(make_images({f"{i}.png": (4, 4 + i) for i in range(6)}))
    with pytest.raises(DataError, match="expected to hold out 0 to 5 of the 6"):
        split_validation(dataset, count)


def test_the_split_of_photos_is_pinned():
    """Suites choose their settings on these two: a change would be a new benchmark."""
    from srbench.data import find_dataset

    train, val = split_validation(find_dataset("photos"), 2)
    assert val.names == ("camera", "rocket")
    assert {"motorcycle_left", "motorcycle_right"} <= set(train.names)


def test_manifest_does_not_depend_on_order():
    entries = {"b": "2", "a": "1"}
    assert DatasetManifest.of("x", entries) == DatasetManifest.of(
        "x", dict(sorted(entries.items()))
    )
