"""What the command line says when a command fails, and with which exit status it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from typing import Final

import click

from srbench.errors import SrbenchError, visible
from srbench.files import cache_folder

FAULT: Final = 3
"""Exit status of errors that nobody foresaw: 1 and 2 have a meaning to scripts."""

_ROOM = "free some space or name another folder; finished work is kept, the same command goes on"
_CURES: Final = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EACCES: "name a folder that you may write, or change its permissions",
    errno.EPERM: "name a folder that you may write, or change its permissions",
    errno.EROFS: "this disk is read-only: name a folder elsewhere",
    errno.ENOTDIR: "a file stands where a folder is needed: name another path",
    errno.EEXIST: "a file stands where a folder is needed: name another path",
    errno.EISDIR: "a folder stands where a file is needed: name another path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "check the path",
    errno.ELOOP: "links lead in a circle there: name the folder itself",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or use fewer workers",
}
_MACHINES: Final = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def report_failure(error: Exception) -> int:
    """Tell of ``error`` on stderr; the exit status: 2 for what the user can mend, 1, or a fault."""
    _drop_dead_stdout()
    if isinstance(error, SrbenchError):
        message, status = str(error), error.exit_status
    elif isinstance(error, OSError) and error.errno is not None:
        message, status = _of_system(error)
    elif isinstance(error, UnicodeError):
        message, status = f"expected UTF-8, got: {error}", 2
    elif isinstance(error, MemoryError):
        message, status = "out of memory\n  -> use smaller images or fewer workers", 1
    else:
        traceback.print_exception(error)
        message, status = "this is a fault of srbench or of a plugin: please report it", FAULT
    click.echo(f"error: {visible(message)}", err=True)
    return status


def _of_system(error: OSError) -> tuple[str, int]:
    path = error.filename2 or error.filename
    place = "" if path is None else f": {os.fsdecode(path) if isinstance(path, bytes) else path}"
    cure = _CURES.get(error.errno or 0)
    if path is not None and str(path).startswith(str(cache_folder())):
        cure = "set SRBENCH_CACHE to a folder that can be written and has room"
    what = f"{error.strerror}{place}"
    status = 1 if error.errno in _MACHINES else 2
    return (what if cure is None else f"{what}\n  -> {cure}"), status


def _drop_dead_stdout() -> None:
    """Where stdout cannot be written Python would print a second error when it ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):  # no real stdout: nothing to be replaced
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
