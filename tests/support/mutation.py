"""Mutations of bytes, JSON documents, archives and folders, repeatable by their number."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 2**31, 2**53 + 1, 2**63, -(2**70), 10**400, 0.0, -0.5, 1e-300,
    1.7e308, float("nan"), float("inf"), "", "x", "HR", "bicubic", "../../x", "/etc/passwd", "a\0b",
    "fi\u200brst", "\u202e", "\ud800", "<script>", "`${x}`", "@user", "https://x.y", "=1+1",
    "a" * 300,
    "9" * 5000, "y4-v1", "y4-v2", "failed", "collapsed", "\n\n# heading", [], {}, [[]], ["x"] * 200,
    {"x": {"x": {}}}, "f" * 64, "psnr", "folder:x", {str(i): i for i in range(50)},
)  # fmt: skip


def mutated_document(document: Any, draw: random.Random, times: int) -> Any:
    """A copy with ``times`` places replaced, removed, doubled or renamed."""
    copy = json.loads(json.dumps(document))
    for _ in range(times):
        _mutate(copy, draw)
    return copy


def _mutate(document: Any, draw: random.Random) -> None:
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = draw.choice(keys)
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and draw.random() < 0.8:
            place = inner
            continue
        break
    what = draw.randrange(6)
    if what == 0:
        del place[key]
    elif what == 1 and isinstance(place, dict):
        place[draw.choice(["x", "", "\u200b", "schema", "a" * 300])] = place[key]
    elif what == 2 and isinstance(inner, (int, float)) and not isinstance(inner, bool):
        place[key] = inner * draw.choice([-1, 0, 2, 1.0001, 1e6, 1e300])
    elif what == 3 and isinstance(inner, str) and inner:
        at = draw.randrange(len(inner))
        place[key] = (
            inner[:at] + draw.choice(["\0", "Z", "\u202e", "", "/", "\ud800"]) + inner[at + 1 :]
        )
    else:
        place[key] = draw.choice(HOSTILE)


def as_json(document: Any) -> bytes:
    """With lone surrogates and NaN as escapes, as a hostile writer has them."""
    return json.dumps(document).encode()


def mutated_bytes(data: bytes, draw: random.Random) -> bytes:
    """Flipped, cut, doubled or overwritten somewhere."""
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 8])):
        if not changed:
            break
        at, what = draw.randrange(len(changed)), draw.randrange(5)
        length = draw.choice([1, 2, 4, 8, 40])
        if what == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif what == 1:
            del changed[at : at + length]
        elif what == 2:
            changed[at:at] = changed[at : at + length]
        elif what == 3:
            changed[at : at + length] = draw.choice([b"\xff", b"\0"]) * length
        else:
            changed[at : at + length] = draw.randbytes(length)
    return bytes(changed)


def unzipped(data: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes], draw: random.Random | None = None) -> bytes:
    """An archive of these files, compressed by chance."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            method = zipfile.ZIP_DEFLATED if draw and draw.random() < 0.1 else zipfile.ZIP_STORED
            archive.writestr(name, data, method)
    return stream.getvalue()


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and link below a folder, with its size and start."""
    found = {}
    for at, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(at) / name
            regular = path.is_file() and not path.is_symlink()
            content = path.read_bytes()[:4096] if regular else b""
            found[str(path.relative_to(folder))] = (path.lstat().st_mode, content)
    return found


@contextmanager
def bounded(seconds: float = 20, mebibytes: int = 512) -> Iterator[None]:
    """Fails where what is inside takes more processor time, or makes the process grow by more."""
    began, before = time.process_time(), _peak()
    yield
    assert time.process_time() - began < seconds
    assert _peak() - before < mebibytes << 20


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
