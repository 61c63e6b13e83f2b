"""Reading and writing at a place of an open file, from any number of threads."""

from __future__ import annotations

import os
import sys
import threading
from typing import Final

_seeking: Final = threading.Lock()
BINARY: Final[int] = getattr(os, "O_BINARY", 0)
"""For :func:`os.open`: without it Windows changes the bytes that look like ends of lines."""


def seek_and_read(descriptor: int, length: int, offset: int) -> bytes:
    """At most ``length`` bytes from ``offset`` on, where the system cannot do both at once."""
    with _seeking:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)


def seek_and_write(descriptor: int, data: bytes | memoryview, offset: int) -> int:
    """Write ``data`` at ``offset``; how many bytes were written."""
    with _seeking:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)


if sys.platform == "win32":
    read_at, write_at = seek_and_read, seek_and_write
else:
    read_at, write_at = os.pread, os.pwrite


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset``."""
    view = memoryview(data)
    while view:
        written = write_at(descriptor, view, offset)
        view, offset = view[written:], offset + written
