"""What is remembered of files that were read before."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from srbench.errors import DataError
from srbench.files import available_cores, cache_folder, file_sha256, sha256_hex, write_atomic
from srbench.imaging.files import image_size
from srbench.imaging.listing import name_below

_MEMORY_VERSION = 1
_HASHES, _SIZES = "hashes", "sizes"
# A file that was changed this shortly before it was hashed may change again without its time
# stamp moving, so its hash is not kept (git calls such entries racy).
_RACY_NS = 2_000_000_000
_PART = 16_384  # files between two writes of what is remembered

_Value = TypeVar("_Value")

_State = tuple[int, int, int]
"""Size, modification time and change time; the last cannot be set back by ``touch``."""


def hash_files(root: Path, files: Iterable[Path], *, fresh: bool = False) -> dict[str, str]:
    """sha256 of each file's bytes by its path below ``root``.

    Hashes are kept under the cache folder and reused while a file's size, modification time and
    change time stay the same.

    Args:
        root: folder that the names are relative to.
        files: paths below it.
        fresh: read every file again.

    Raises:
        DataError: a file cannot be read.
    """
    return _remembered(_HASHES, root, files, _sha256, str, fresh=fresh)


def image_sizes(root: Path, files: Sequence[Path]) -> list[tuple[int, int]]:
    """Height and width of each image, pixels: from its header, kept as :func:`hash_files` does.

    The headers of a data set as large as ImageNet take minutes to read.

    Raises:
        ImageError: a file is no image.
        DataError: a file cannot be read.
    """
    sizes = _remembered(_SIZES, root, files, image_size, _as_size)
    return [sizes[name_below(root, file)] for file in files]


def _remembered(
    kind: str,
    root: Path,
    files: Iterable[Path],
    read: Callable[[Path], _Value],
    check: Callable[[Any], _Value],
    *,
    fresh: bool = False,
) -> dict[str, _Value]:
    """What ``read`` gives for each file, by its path below ``root``; from memory where it can be.

    Args:
        kind: folder of the memory.
        root: folder that the names are relative to.
        files: paths below it.
        read: reads one file.
        check: makes a value of what JSON gives back, or raises.
        fresh: read every file again.
    """
    names = {name_below(root, file): file for file in files}
    record = cache_folder() / kind / f"{_key_of_folder(root)}.json"
    known = {} if fresh else _load(record, check)
    states = {name: _state(file) for name, file in names.items()}
    stale = [n for n in names if n not in known or known[n][0] != states[n]]
    values = {name: known[name][1] for name in names if name in known}
    with ThreadPoolExecutor(max_workers=min(16, available_cores())) as pool:
        # In parts: memory stays flat, and what was read outlasts an interruption.
        for first in range(0, len(stale), _PART):
            part = stale[first : first + _PART]
            now = time.time_ns()
            values |= zip(part, pool.map(read, (names[n] for n in part)), strict=True)
            settled = {
                n: (states[n], values[n]) for n in part if now - max(states[n][1:]) > _RACY_NS
            }
            if settled:
                _save(record, _load(record, check) | settled)
    return {name: values[name] for name in names}


def _as_size(value: Any) -> tuple[int, int]:
    height, width = value
    if not (type(height) is type(width) is int and height > 0 and width > 0):
        raise ValueError(f"{value} is no size")
    return height, width


def _key_of_folder(root: Path) -> str:
    return sha256_hex(os.fsencode(root.resolve()))[:32]


def _state(file: Path) -> _State:
    try:
        stat = file.stat()
    except OSError as error:
        raise DataError(f"expected a readable file, got {file}: {error.strerror}") from error
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _sha256(file: Path) -> str:
    try:
        return file_sha256(file)
    except OSError as error:
        raise DataError(f"expected a readable file, got {file}: {error.strerror}") from error


def _load(record: Path, check: Callable[[Any], _Value]) -> dict[str, tuple[_State, _Value]]:
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        if content["version"] != _MEMORY_VERSION:
            return {}
        return {
            name: ((size, modified, changed), check(value))
            for name, (size, modified, changed, value) in content["files"].items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        # Only a memory of earlier work: where it is damaged the files are read again.
        return {}


def _save(record: Path, entries: Mapping[str, tuple[_State, object]]) -> None:
    files = {name: [*state, value] for name, (state, value) in sorted(entries.items())}
    write_atomic(record, json.dumps({"version": _MEMORY_VERSION, "files": files}), sync=False)
