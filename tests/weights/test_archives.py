from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from srbench.errors import ArchiveError
from srbench.weights.archives import extract_member

KIB = 1024


def _zip(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return path


def _tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def test_only_the_named_member_is_written(tmp_path: Path) -> None:
    wheel = _zip(tmp_path / "p-1-py3-none-any.whl", [("p/w.bin", b"wheel"), ("../up", b"x")])
    sdist = _tar(tmp_path / "p-1.tar.gz", [("p-1/../../up", b"x"), ("p-1/p/w.bin", b"sdist")])
    out = tmp_path / "out"
    out.mkdir()
    for archive, expected in ((wheel, b"wheel"), (sdist, b"sdist")):
        extract_member(archive, "p/w.bin", out / "w", max_bytes=KIB)
        assert (out / "w").read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [wheel.name, sdist.name, "out"]
    )
    assert [path.name for path in out.iterdir()] == ["w"]


@pytest.mark.parametrize("name", ["p-1-py3-none-any.whl", "p-1.tar.gz"])
def test_a_missing_member_is_named(tmp_path: Path, name: str) -> None:
    make = _zip if name.endswith(".whl") else _tar
    archive = make(tmp_path / name, [("p-1/other", b"x")])
    with pytest.raises(ArchiveError, match=r"one file p/w\.bin in p-1.*, got none"):
        extract_member(archive, "p/w.bin", tmp_path / "w", max_bytes=KIB)


@pytest.mark.parametrize("name", ["p-1-py3-none-any.whl", "p-1.tar.gz"])
def test_files_of_that_name_elsewhere_in_the_archive_are_shown(tmp_path: Path, name: str) -> None:
    make, top = (_zip, "") if name.endswith(".whl") else (_tar, "p-1/")
    archive = make(tmp_path / name, [(f"{top}p/data/w.bin", b"x"), (f"{top}p/other", b"x")])
    with pytest.raises(ArchiveError, match=r"got none; it holds p/data/w\.bin\n") as info:
        extract_member(archive, "w.bin", tmp_path / "w", max_bytes=KIB)
    assert "the whole path" in str(info.value.fix)


def test_a_member_above_the_limit_is_refused(tmp_path: Path) -> None:
    big = bytes(4 * KIB)
    wheel = _zip(tmp_path / "p.whl", [("w", big)])
    sdist = _tar(tmp_path / "p.tar.gz", [("p-1/w", big)])
    for archive in (wheel, sdist):
        with pytest.raises(ArchiveError, match="at most 1024 bytes, got 4096"):
            extract_member(archive, "w", tmp_path / "w", max_bytes=KIB)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    wheel = _zip(tmp_path / "p.whl", [("w", bytes(4 * KIB))])
    lying = wheel.read_bytes().replace((4 * KIB).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    wheel.write_bytes(lying)
    with pytest.raises(ArchiveError):
        extract_member(wheel, "w", tmp_path / "w", max_bytes=KIB)


def test_a_gzip_bomb_before_the_member_is_refused(tmp_path: Path) -> None:
    sdist = _tar(tmp_path / "p.tar.gz", [("p-1/zeros", bytes(2**22)), ("p-1/w", b"x")])
    assert sdist.stat().st_size < 16 * KIB
    with pytest.raises(ArchiveError, match="unpacks without end"):
        extract_member(sdist, "w", tmp_path / "w", max_bytes=KIB)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    archive = tmp_path / "p.tar.gz"
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        with tarfile.open(archive, "w:gz") as file:
            info = tarfile.TarInfo("p-1/w")
            info.type = kind
            info.linkname = str(secret)
            file.addfile(info)
        with pytest.raises(ArchiveError, match="expected a plain file w"):
            extract_member(archive, "w", tmp_path / "w", max_bytes=KIB)


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        wheel = _zip(tmp_path / "p.whl", [("w", b"a"), ("w", b"b")])
    with pytest.raises(ArchiveError, match="got 2"):
        extract_member(wheel, "w", tmp_path / "w", max_bytes=KIB)


@pytest.mark.parametrize("name", ["p.whl", "p.tar.gz"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.8])
def test_a_cut_archive_is_reported(tmp_path: Path, name: str, part: float) -> None:
    import random

    noise = random.Random(0).randbytes(8 * KIB)
    make = _zip if name.endswith(".whl") else _tar
    archive = make(tmp_path / name, [("w" if name.endswith(".whl") else "p-1/w", noise)])
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ArchiveError, match=name):
        extract_member(archive, "w", tmp_path / "w", max_bytes=64 * KIB)


def test_another_kind_of_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"a wheel or a \.tar\.gz sdist, got p\.rar"):
        extract_member(tmp_path / "p.rar", "w", tmp_path / "w", max_bytes=KIB)
