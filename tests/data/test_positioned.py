"""Reading and writing at a place of a file: as the system does both, and as Windows has to."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from srbench.data import positioned


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT | positioned.BINARY)
    yield opened
    os.close(opened)


@pytest.mark.parametrize(
    ("read", "write"),
    [
        (os.pread, os.pwrite),
        (positioned.seek_and_read, positioned.seek_and_write),
    ],
)
def test_threads_write_each_at_its_own_place(
    read: Callable[[int, int, int], bytes], write: Callable[[int, bytes, int], int], descriptor: int
) -> None:
    os.ftruncate(descriptor, 1000 * 16)
    blocks = {16 * n: f"{n:015d}\n".encode() for n in range(1000)}
    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(lambda at: write(descriptor, blocks[at], at), blocks))
        found = list(threads.map(lambda at: read(descriptor, 16, at), blocks))
    assert written == [16] * 1000
    assert found == list(blocks.values())


def test_what_is_written_in_part_is_finished(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(descriptor: int, data: memoryview, offset: int) -> int:
        return os.pwrite(descriptor, data[:3], offset)

    monkeypatch.setattr(positioned, "write_at", some)
    positioned.write_all(descriptor, b"0123456789", 5)
    assert os.pread(descriptor, 20, 0) == bytes(5) + b"0123456789"
