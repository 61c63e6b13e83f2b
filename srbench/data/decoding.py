"""Decode image files into their places in a store, in this process or in processes of its own.

Threads alone do not keep two cores busy: Pillow's decoders release the interpreter lock, its copies
into numpy hold it. So a large data set is decoded in processes, which share nothing with this one
but the file of pixels; they import numpy and Pillow, no torch, and start in a fifth of a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from srbench.data.positioned import BINARY, write_all
from srbench.errors import DataError, ImageError, SrbenchError
from srbench.files import sha256_hex
from srbench.imaging.files import decode_image
from srbench.imaging.pixels import Image

_END_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeTask:
    """One image and where its pixels belong.

    Args:
        file: to read.
        sha256: of the file's bytes, as the manifest has it.
        size: height and width that its header told, pixels.
        offset: of its first byte in the file of pixels.
    """

    file: Path
    sha256: str
    size: tuple[int, int]
    offset: int


Decode = Callable[[Sequence[DecodeTask]], list[bytes]]
"""Decodes images into the file of pixels; the sha256 of each one's pixels. Called by threads."""


def decode_into(pixels: int, task: DecodeTask) -> bytes:
    """Decode one image into an open file of pixels; the sha256 of its pixels.

    Raises:
        ImageError: it is no image.
        DataError: its content or size is not what the task says.
    """
    image = decode_known(task.file, task.sha256, task.size)
    write_all(pixels, image.data.cast("B"), task.offset)
    return hashlib.sha256(image.data).digest()


def decode_known(file: Path, sha256: str, size: tuple[int, int]) -> Image:
    """The image ``(H, W, 3)`` in a file whose hash and size are known.

    Raises:
        ImageError: it is no image, or cannot be read.
        DataError: its content or size is another.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ImageError(f"expected a readable image file, got {file}: {error.strerror}") from error
    image = decode_image(data, file)
    if sha256_hex(data) != sha256:
        raise DataError(
            f"expected {file} to stay as it was, got other content than a moment ago",
            "run it again when nothing writes to that folder",
        )
    if image.shape[:2] != size:
        raise DataError(f"expected {size} px as the header of {file} says, got {image.shape[:2]}")
    return image


@contextlib.contextmanager
def decode_processes(pixels: Path, count: int) -> Iterator[Decode]:
    """``count`` processes that decode into the file ``pixels``; they end with the block.

    The file must be there when the first task is given, not before.
    """
    idle: queue.SimpleQueue[_DecodeProcess] = queue.SimpleQueue()

    def decode(tasks: Sequence[DecodeTask]) -> list[bytes]:
        process = idle.get()
        try:
            return process.decode(tasks)
        finally:
            idle.put(process)

    with contextlib.ExitStack() as stack:
        for _ in range(count):
            process = _DecodeProcess(pixels)
            stack.callback(process.close)
            idle.put(process)
        yield decode


class _DecodeProcess:
    """``python -m srbench.data.decoding FD PIXELS`` and our end of its connection."""

    def __init__(self, pixels: Path) -> None:
        self._connection, theirs = Pipe()
        command = [sys.executable, "-m", "srbench.data.decoding", str(theirs.fileno()), str(pixels)]
        # Ctrl-C goes to this process alone; those of its own end when their connection does.
        self._process = subprocess.Popen(
            command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, process_group=0
        )
        theirs.close()

    def decode(self, tasks: Sequence[DecodeTask]) -> list[bytes]:
        try:
            self._connection.send(list(tasks))
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            status = self._process.wait(_END_SECONDS)
            raise DataError(
                f"expected a decoding process to answer, it ended with status {status} at one of "
                f"{len(tasks)} images from {tasks[0].file} on",
                "status -9 often means that memory ran out: use fewer workers; what is done so far "
                "is kept",
            ) from error
        if isinstance(answer, BaseException):
            raise answer
        digests: list[bytes] = answer
        return digests

    def close(self) -> None:
        self._connection.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(connection: Connection, pixels: Path) -> None:
    """Answer lists of tasks with their digests, or with the error, until the other side is gone."""
    descriptor: int | None = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            tasks: list[DecodeTask] = connection.recv()
            try:
                if descriptor is None:
                    descriptor = os.open(pixels, os.O_RDWR | BINARY)
                connection.send([decode_into(descriptor, task) for task in tasks])
            except (SrbenchError, OSError) as error:
                connection.send(error)


def main(argv: Sequence[str]) -> None:
    """Entry point of a decoding process."""
    serve(Connection(int(argv[0])), Path(argv[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
