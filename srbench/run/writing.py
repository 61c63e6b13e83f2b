"""Writing to an out folder that may be full, read-only or gone."""

from __future__ import annotations

import contextlib
import errno
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srbench.errors import SrbenchError, UserError
from srbench.files import write_atomic
from srbench.records.layout import OutFolder

_DISK_ERRORS = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR,
    errno.EEXIST, errno.ENOENT, errno.ESTALE,
}  # fmt: skip


class OutFolderError(SrbenchError):
    """The out folder could not be written while a run was at work."""


def check_writable(out: OutFolder) -> None:
    """Make the out folder and write to it, before any work is done.

    Raises:
        UserError: it cannot be written.
    """
    try:
        out.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.root, prefix=".tmp-") as file:
            file.write(b"x" * 65536)
            file.flush()
    except OSError as error:
        raise UserError(
            f"expected an out folder that can be written, got {out.root}: {error.strerror}",
            "make room or permissions there, or name another folder with --out",
        ) from error


@contextlib.contextmanager
def writing_to(out: OutFolder) -> Iterator[None]:
    """Check that the folder can be written; explain a disk that fails or fills up later.

    Raises:
        UserError: it cannot be written from the start.
        OutFolderError: it could not be written later; what is finished stays usable.
    """
    check_writable(out)
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise OutFolderError(
            f"expected to write to the out folder {out.root}, got: {error}",
            "finished work is kept: make room or permissions, then run the same command again",
        ) from error


def read_json(path: Path) -> Any:
    """The document in ``path``, or ``None`` where the file is absent or torn."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_json(path: Path, document: Any) -> Path:
    """Write a document atomically."""
    return write_atomic(
        path, json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n"
    )
