import logging
import os

import pytest

from srbench.errors import DataError
from srbench.imaging import list_images, plain_name


def names(folder, **options):
    return [file.relative_to(folder).as_posix() for file in list_images(folder, **options)]


def test_images_are_listed_in_natural_order(tmp_path):
    for name in ("b10.png", "b2.PNG", "a.JPEG", ".hidden.png", "notes.txt", "sub/c1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    flat = [file.relative_to(tmp_path).as_posix() for file in list_images(tmp_path)]
    assert flat == ["a.JPEG", "b2.PNG", "b10.png"]
    deep = [file.relative_to(tmp_path).as_posix() for file in list_images(tmp_path, recursive=True)]
    assert deep == ["a.JPEG", "b2.PNG", "b10.png", "sub/c1.png"]


def test_listing_no_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="a file"):
        list_images(tmp_path / "file")
    with pytest.raises(DataError, match="nothing there"):
        list_images(tmp_path / "gone")


def images(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_links_that_form_loops_add_nothing(tmp_path):
    images(tmp_path, "a/1.png", "a/b/2.png", "c/3.png")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "b" / "self").symlink_to(".")
    (tmp_path / "c" / "self").symlink_to(".")
    assert names(tmp_path, recursive=True) == ["a/1.png", "a/b/2.png", "c/3.png"]


def test_each_real_folder_is_entered_once_by_its_own_path(tmp_path):
    images(tmp_path, "data/z/1.png", "elsewhere/2.png")
    (tmp_path / "data" / "a").symlink_to("z")  # before z in order, and yet not its path
    (tmp_path / "data" / "far").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "far2").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "data", recursive=True) == ["far/2.png", "z/1.png"]


def test_what_is_left_out_is_named_once(tmp_path, caplog):
    images(tmp_path, "a.png", "b.heic", "c.txt", ".hidden", "d.GIF", "e.jfif")
    with caplog.at_level(logging.WARNING):
        assert names(tmp_path) == names(tmp_path) == ["a.png", "d.GIF", "e.jfif"]
    assert [record.getMessage() for record in caplog.records] == [
        f"left out in {tmp_path}, no suffix of a readable image: b.heic, c.txt"
    ]


def test_names_that_are_not_utf_8_become_text(tmp_path):
    raw = os.fsdecode(b"caf\xe9.png")
    (tmp_path / raw).touch()
    (file,) = list_images(tmp_path)
    assert plain_name(file.name) == r"caf\xe9.png"
    assert plain_name("é.png") == "é.png"
