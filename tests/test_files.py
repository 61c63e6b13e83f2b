"""The ground floor: files that are there whole or not at all, and where the cache lies."""

import hashlib
import os
import stat
from pathlib import Path

import platformdirs
import pytest

from srbench.errors import describe
from srbench.files import (
    TEMPORARY,
    available_cores,
    cache_folder,
    file_sha256,
    replacing,
    sha256_hex,
    write_atomic,
)


@pytest.mark.parametrize("sync", [True, False])
def test_a_file_is_replaced_whole_and_readable_by_others(tmp_path: Path, sync: bool) -> None:
    path = tmp_path / "new" / "file.txt"
    write_atomic(path, "old", sync=sync)
    assert write_atomic(path, "grün", sync=sync) == path
    assert path.read_bytes() == "grün".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(path.parent) == ["file.txt"]


def test_an_error_on_the_way_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = write_atomic(tmp_path / "file.txt", "old")

    def fail_half_way() -> None:
        with replacing(path) as file:
            file.write(b"half")
            assert any(name.startswith(TEMPORARY) for name in os.listdir(tmp_path))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_hashes_are_those_of_hashlib(tmp_path: Path) -> None:
    expected = hashlib.sha256("grün".encode()).hexdigest()
    assert sha256_hex("grün") == sha256_hex("grün".encode()) == expected
    assert file_sha256(write_atomic(tmp_path / "f", "grün")) == expected


def test_the_cache_folder_is_the_users_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SRBENCH_CACHE", raising=False)
    assert cache_folder() == Path(platformdirs.user_cache_dir("srbench"))
    monkeypatch.setenv("SRBENCH_CACHE", "~/x")
    assert cache_folder() == Path.home() / "x"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no cores")
def test_cores_are_those_that_this_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert available_cores() == len(before)


def test_errors_are_described_on_one_line_even_where_their_message_raises() -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(TypeError("a\n b")) == "TypeError: a b"
    assert describe(KeyError()) == "KeyError"
    assert describe(Hostile()) == "Hostile: its message cannot be made: RuntimeError"
    assert len(describe(ValueError("x" * 10_000))) == 400
