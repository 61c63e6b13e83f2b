"""Files and the machine they lie on: atomic writes, hashes, the cache folder, usable cores."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import platformdirs

if TYPE_CHECKING:
    from filelock import FileLock

TEMPORARY: Final = ".tmp-"
"""How names begin that :func:`replacing` writes under; what a kill leaves of them is litter."""


@contextlib.contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` when the block ends without an error.

    A reader sees the old content or the new, never half of it.

    Args:
        path: its folder is made where it is missing.
        sync: bring content and name to the disk. Without it a crash of the machine may lose what
            can be made again in seconds.
    """
    try:
        if path.exists() and not path.is_file():  # a device or a pipe stays what it is
            with path.open("wb") as file:
                yield file
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with _renamed(path, sync) as file:
            yield file
    except OSError as error:
        # A full disk names no file, and nobody knows the temporary one.
        if error.errno and (error.filename is None or TEMPORARY in str(error.filename)):
            error.filename, error.filename2 = str(path), None
        raise
    if sync:
        sync_folder(path.parent)


@contextlib.contextmanager
def _renamed(path: Path, sync: bool) -> Iterator[BinaryIO]:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        # mkstemp's 0600 would keep other users of a shared folder from reading the results.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_atomic(path: Path, data: str | bytes, *, sync: bool = True) -> Path:
    """Write ``data`` (text as UTF-8) to ``path``; see :func:`replacing`."""
    with replacing(path, sync=sync) as file:
        file.write(data.encode("utf-8") if isinstance(data, str) else data)
    return path


def lock_at(path: Path) -> FileLock:
    """The lock that the file ``path`` stands for; not taken yet.

    On a disk without locks (some network disks) ``filelock`` writes who holds it into the file. It
    takes over from a process of this machine that is gone; elsewhere a person has to delete it, see
    :func:`told_of_holder`.
    """
    from filelock import FileLock

    return FileLock(path, mode=0o666)  # an empty file; 0644 would keep a second user from it


def told_of_holder(path: Path) -> str:
    """Who holds a lock and how to break it, where the disk has no locks; otherwise nothing."""
    try:
        holder = " ".join(path.read_text(errors="replace")[:200].split())
    except OSError:  # released meanwhile
        return ""
    return f" (process and host {holder!a}; if it is gone, delete {path})" if holder else ""


@contextlib.contextmanager
def locked(path: Path, what: str, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock at ``path``, which one process has at a time; who waits is told for what.

    Args:
        path: the lock file; its folder is made where it is missing.
        what: that the other process does, for "waiting for another process that ...".
        on_wait: called once where another process has it.
    """
    from filelock import Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_at(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        try:
            lock.acquire(timeout=2)
        except Timeout:
            by_hand = told_of_holder(path)
            sys.stderr.write(f"waiting for another process that {what}{by_hand}\n")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes.

    Raises:
        OSError: there is none; a device or a pipe, which might never end; more bytes.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "expected a regular file", str(path))
        data = file.read(min(limit, status.st_size) + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"expected at most {limit:,} bytes", str(path))
    return data


def has_link(root: Path, path: Path) -> bool:
    """Whether ``path``, or a folder between it and ``root``, is a link: it may lead elsewhere."""
    parts = path.relative_to(root).parts
    return any(root.joinpath(*parts[: i + 1]).is_symlink() for i in range(len(parts)))


def sync_folder(folder: Path) -> None:
    """Bring a rename itself to the disk: what comes after a file may rely on its being there."""
    if os.name != "posix":
        return  # Windows opens no folders
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_hex(data: str | bytes | memoryview) -> str:
    """sha256 of bytes, or of a text's UTF-8, in hexadecimal."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """``SRBENCH_CACHE``, otherwise the user's cache folder; it may not exist yet."""
    named = os.environ.get("SRBENCH_CACHE")
    return (
        Path(os.path.expanduser(named)) if named else Path(platformdirs.user_cache_dir("srbench"))
    )


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
