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
from srbench.files import file_sha256, write_atomic
from srbench.imaging.listing import plain_name
from srbench.records.layout import OutFolder
from srbench.settings import Suite

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
    _check_name(out)
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


def check_out_folder(out: OutFolder, suite: Suite) -> None:
    """An out folder belongs to one suite: pictures and pages of two would take each other's place.

    Raises:
        UserError: it is another suite's, or has a name that libraries cannot write to.
    """
    _check_name(out)
    document = read_json(out.root / "suite.json")
    owner = document.get("name", suite.name) if isinstance(document, dict) else suite.name
    if owner != suite.name:
        raise UserError(
            f"expected an out folder of the suite {suite.name!r}, got {out.root}, which belongs to "
            f"{owner!r}",
            f"name another folder with --out, such as runs/{suite.name}",
        )


def _check_name(out: OutFolder) -> None:
    try:
        str(out.root).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"expected an out folder whose name is UTF-8, got {plain_name(out.root)}",
            "name another folder with --out",
        ) from None


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


def read_result(out: OutFolder, key: str) -> dict[str, Any] | None:
    """The result of the job ``key``; ``None`` while it has none, or none that is whole.

    That is: it is this job's, and the generator beside it is the one that it left.
    """
    result = read_json(out.result(key))
    if not isinstance(result, dict) or result.get("key") != key:
        return None
    left = result.get("generator")
    if left is None:
        return result
    path = out.generator(key)
    try:
        state = path.stat()
        whole = state.st_size == left["bytes"] and (
            state.st_mtime_ns == left.get("mtime_ns") or file_sha256(path) == left["sha256"]
        )
    except (OSError, TypeError, KeyError):
        return None
    return result if whole else None


def read_scores(out: OutFolder, key: str) -> dict[str, Any] | None:
    """The scores filed under ``key``; ``None`` where there are none, or not these."""
    document = read_json(out.scores(key))
    whole = isinstance(document, dict) and document.get("key") == key
    return document if whole else None


def write_json(path: Path, document: Any) -> Path:
    """Write a document atomically."""
    return write_atomic(
        path, json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n"
    )
