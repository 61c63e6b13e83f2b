"""Folders of images: which files are images, in which order, under which names."""

from __future__ import annotations

import functools
import logging
import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from srbench.errors import DataError

IMAGE_SUFFIXES = (
    *(".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo"),
    *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
"""File names, in any case, that :func:`list_images` takes for images."""

_log = logging.getLogger(__name__)


def list_images(folder: str | os.PathLike[str], *, recursive: bool = False) -> tuple[Path, ...]:
    """The image files in a folder by their suffix, in natural order: ``img_2`` before ``img_10``.

    Hidden files are left out, and so are files of other suffixes, which a warning names. Each real
    folder is entered once, whatever links lead to it.

    Raises:
        DataError: the folder does not exist or is no folder.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file" if root.exists() else "nothing there"
        raise DataError(f"expected a folder of images, got {root}: {what}")
    found: list[Path] = []
    others: list[str] = []
    for entry in _files_below(root, recursive):
        if entry.name.lower().endswith(IMAGE_SUFFIXES):
            found.append(Path(entry))
        else:
            others.append(entry.name)
    _name_left_out(root, tuple(sorted(others)))
    return tuple(sorted(found, key=lambda file: natural_key(file.relative_to(root).as_posix())))


def plain_name(name: str | os.PathLike[str]) -> str:
    """A file name as text that can be written anywhere: bytes that are not UTF-8 as ``\\xff``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def name_below(root: str | os.PathLike[str], file: Path) -> str:
    """The path of ``file`` below ``root``, with ``/``, as :func:`plain_name` writes it."""
    return plain_name(file.relative_to(root).as_posix())


def some_names(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _files_below(root: Path, recursive: bool) -> Iterator[os.DirEntry[str]]:
    """Files that are not hidden; real folders before links, so that a loop or a twin adds none."""
    entered: set[tuple[int, int]] = set()
    waiting = deque([root])
    while waiting:
        folder = waiting.popleft()
        state = folder.stat()
        if (state.st_dev, state.st_ino) in entered:
            continue
        entered.add((state.st_dev, state.st_ino))
        with os.scandir(folder) as entries:
            shown = sorted((e for e in entries if not e.name.startswith(".")), key=_name_of)
        for entry in shown:
            if not entry.is_dir():
                yield entry
            elif recursive and entry.is_symlink():
                waiting.append(Path(entry))
            elif recursive:
                waiting.appendleft(Path(entry))


def _name_of(entry: os.DirEntry[str]) -> str:
    return entry.name


@functools.lru_cache(maxsize=256)
def _name_left_out(root: Path, names: tuple[str, ...]) -> None:
    """Said once for each folder and process."""
    if names:
        what = some_names([plain_name(name) for name in names])
        _log.warning("left out in %s, no suffix of a readable image: %s", plain_name(root), what)


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sorts numbers inside names by value; the name itself settles ties such as 01 and 1."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(p), "") if p[0] in "0123456789" else (1, 0, p) for p in parts), name
