"""A zip archive from a stranger: its structure is checked before any content is read."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from srbench.errors import SubmissionError
from srbench.verify.limits import Kind, Limits, too_large, too_many
from srbench.verify.names import file_kind, refuse_duplicates

_FIRST: Final = b"PK\x03\x04"
_LOCAL_HEADER: Final = 30
_LENGTHS: Final = struct.Struct("<2H")
_END: Final = struct.Struct("<4s4H2LH")
_END_SIGNATURE: Final = b"PK\x05\x06"
_ZIP64_LOCATOR: Final = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES: Final = 20
_ENTRY_BYTES: Final = 512  # of the directory, for one of our short names
_ENCRYPTED: Final = 0x1
_DESCRIPTOR: Final = 0x8
_CHUNK: Final = 1 << 20
_FIX: Final = "submit the file that `srbench submit` wrote, unchanged"
_FOREIGN: Final = (struct.error, OverflowError)
"""What zipfile lets through of fields that do not fit."""
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArchiveSource:
    """The files of a zip archive.

    Raises:
        SubmissionError: truncated, damaged, too large, encrypted, with a symlink, a name that is
            refused, a name twice, entries that overlap, or a bomb.
    """

    strict = True

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._file = path.open("rb")
        try:
            count = _check_ends(self._file, path, limits)
            try:
                self._zip = zipfile.ZipFile(self._file)
            except (zipfile.BadZipFile, ValueError, NotImplementedError, *_FOREIGN) as error:
                raise _damaged(path.name, error) from error
            entries = self._zip.infolist()
            if len(entries) != count:
                raise _damaged(path.name, f"{len(entries)} entries where {count} are announced")
            self._kinds = _check_entries(entries, limits)
            _check_layout(self._file, entries, self._zip.start_dir)
        except BaseException:
            self._file.close()
            raise
        self._entries = {entry.filename: entry for entry in entries}

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Name -> kind."""
        return self._kinds

    def read(self, name: str) -> bytes:
        """All bytes of ``name``, decompressed piece by piece against the limits."""
        entry, limit = self._entries[name], self._limits.file_bytes[self._kinds[name]]
        chunks, size = [], 0
        try:
            with self._zip.open(entry) as stream:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise too_large(name, limit)
                    _check_ratio(name, size, entry.compress_size, self._limits)
                    chunks.append(chunk)
        except SubmissionError:
            raise
        except (
            zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, *_FOREIGN
        ) as error:  # fmt: skip
            raise _damaged(name, error) from error
        return b"".join(chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._file.close()


def _check_ends(file: BinaryIO, path: Path, limits: Limits) -> int:
    """The number of entries that the archive announces.

    Python's zipfile reads the whole directory into objects before anyone can look at it, and takes
    a ZIP64 directory where it finds one: so the last record is read here first, and only the plain
    form, with nothing before, between or behind, is let through.
    """
    size = os.fstat(file.fileno()).st_size
    if size > limits.archive_bytes:
        raise SubmissionError(
            f"expected an archive of at most {limits.archive_bytes:,} bytes, got {size:,}"
        )
    if file.read(len(_FIRST)) != _FIRST:
        raise SubmissionError(f"expected a zip archive, got {path}, which is none", _FIX)
    if size < _END.size + _ZIP64_LOCATOR_BYTES:
        raise _damaged(path.name, "it is truncated")
    file.seek(size - _END.size - _ZIP64_LOCATOR_BYTES)
    tail = file.read()
    end = _END.unpack(tail[_ZIP64_LOCATOR_BYTES:])
    signature, disk, directory_disk, here, count, length, offset, comment = end
    if signature != _END_SIGNATURE or comment:
        raise _damaged(path.name, "it is truncated, or something follows its end")
    plain = (disk, directory_disk) == (0, 0) and here == count
    if not plain or offset + length + _END.size != size or tail.startswith(_ZIP64_LOCATOR):
        raise _damaged(path.name, "its directory is not where it should be")
    if count > limits.files or length > limits.files * _ENTRY_BYTES:
        raise too_many(limits.files)
    file.seek(0)
    return int(count)


def _check_entries(entries: Sequence[zipfile.ZipInfo], limits: Limits) -> dict[str, Kind]:
    for entry in entries:
        _check_type(entry)
    # The name as it is in the file: zipfile cuts it at a NUL and turns separators.
    kinds = {entry.filename: file_kind(entry.orig_filename) for entry in entries}
    refuse_duplicates([entry.orig_filename for entry in entries])
    for entry in entries:
        limit = limits.file_bytes[kinds[entry.filename]]
        if entry.file_size > limit:
            raise too_large(entry.filename, limit)
        _check_ratio(entry.filename, entry.file_size, entry.compress_size, limits)
    if sum(entry.file_size for entry in entries) > limits.total_bytes:
        raise SubmissionError(
            f"expected a submission of at most {limits.total_bytes:,} bytes uncompressed, got more"
        )
    return dict(sorted(kinds.items()))


def _check_type(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    form = stat.S_IFMT(entry.external_attr >> 16)
    if form == stat.S_IFLNK:
        raise SubmissionError(f"the submission's file {name!r:.120} is a symbolic link", _FIX)
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SubmissionError(f"the submission's file {name!r:.120} is no ordinary file", _FIX)
    if entry.extra or entry.comment or entry.flag_bits & _DESCRIPTOR:
        raise SubmissionError(
            f"the submission's file {name!r:.120} has an extra field, a comment or a descriptor, "
            "which ours have not",
            _FIX,
        )
    if entry.external_attr >> 16 & 0o111:
        raise SubmissionError(f"the submission's file {name!r:.120} is marked as a program", _FIX)
    if entry.flag_bits & _ENCRYPTED:
        raise SubmissionError(f"the submission's file {name!r:.120} is encrypted", _FIX)
    if entry.compress_type not in _METHODS:
        raise SubmissionError(
            f"the submission's file {name!r:.120} is compressed by method {entry.compress_type}; "
            "expected stored or deflated",
            _FIX,
        )


def _check_layout(file: BinaryIO, entries: Sequence[zipfile.ZipInfo], directory: int) -> None:
    """Files lie one after the other from the first byte to the directory, without anything else.

    A small archive can list one stretch of bytes many times; what lies in a gap, in an extra field
    or in a comment is read by nobody here, but by others.
    """
    end, before = 0, ""
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise SubmissionError(
                f"the submission's files {before!r:.120} and {entry.filename!r:.120} overlap in "
                "the archive, as in a zip bomb",
                _FIX,
            )
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER)
        name, extra = _LENGTHS.unpack_from(header, 26) if len(header) == _LOCAL_HEADER else (0, 1)
        if entry.header_offset != end or extra or file.read(name) != entry.orig_filename.encode():
            raise _damaged(entry.orig_filename, "it does not lie where the file before it ends")
        end = entry.header_offset + _LOCAL_HEADER + name + entry.compress_size
        before = entry.filename
    if end != directory:
        raise _damaged(before, "something lies between it and the directory")


def _check_ratio(name: str, size: int, compressed: int, limits: Limits) -> None:
    if size > limits.ratio_from and size > limits.ratio * max(1, compressed):
        raise SubmissionError(
            f"the submission's file {name!r:.120} unpacks to more than {limits.ratio} times its "
            "size in the archive, as a zip bomb does",
            _FIX,
        )


def _damaged(name: str, why: object) -> SubmissionError:
    return SubmissionError(f"the archive is damaged at {name!r:.120}: {why!s:.200}", _FIX)
