"""The published folder: what is written, what is left alone, what is removed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from srbench.errors import UserError
from srbench.files import sha256_hex, write_atomic

LISTING = "published.json"
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


class SiteFolder:
    """Files below one folder. Unchanged ones are not touched; those of an earlier publishing that
    are no longer part of the site are removed by :meth:`finish`. Others are left alone.

    Raises:
        UserError: the folder holds an ``index.html`` that this program did not write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._before = _listing(root)
        self._written: dict[str, dict[str, Any]] = {}
        if self._before is None and (root / "index.html").exists():
            raise UserError(
                f"expected an empty folder or one that was published before, got {root}, which "
                f"has an index.html and no {LISTING}",
                "publish to another folder, or remove that page first",
            )

    def put(self, name: str, data: str | bytes) -> str:
        """Write ``name`` below the root, through a temporary name, and return it."""
        if _SAFE.fullmatch(name) is None:
            raise AssertionError(f"unsafe name: {name!r}")
        content = data.encode("utf-8", "replace") if isinstance(data, str) else data
        if name not in self._written:
            self._written[name] = {
                "bytes": len(content),
                "sha256": sha256_hex(content),
            }
            _replace(self.root / name, content)
        return name

    def read(self, name: str) -> bytes | None:
        """What an earlier publishing left under ``name``."""
        if _SAFE.fullmatch(name) is None:
            return None
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sizes(self) -> dict[str, int]:
        """Bytes of every file of the site."""
        return {name: entry["bytes"] for name, entry in self._written.items()}

    def finish(self) -> int:
        """Remove what is stale, write the listing, and return the bytes of the whole site."""
        for name in sorted(set(self._before or ()) - set(self._written), reverse=True):
            path = self.root / name
            path.unlink(missing_ok=True)
            _remove_empty(path.parent, self.root)
        listing = {"schema": 1, "files": dict(sorted(self._written.items()))}
        _replace(self.root / LISTING, (json.dumps(listing, indent=1) + "\n").encode())
        return sum(self.sizes().values())


def _listing(root: Path) -> list[str] | None:
    path = root / LISTING
    if not path.exists():
        return None
    try:
        files = json.loads(path.read_bytes())["files"]
        names = [name for name in files if _SAFE.fullmatch(name) is not None]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: expected the list of published files, got something else: {error}",
            "restore it, or publish to an empty folder",
        ) from error
    # A listing is a file like any other: it must not make this program remove foreign files.
    return [name for name in names if (root / name).resolve().is_relative_to(root.resolve())]


def _replace(path: Path, content: bytes) -> None:
    # Without fsync: a site is made again in seconds, and thousands of syncs are not.
    try:
        if path.read_bytes() == content:
            return
    except OSError:
        pass  # not there yet
    write_atomic(path, content, sync=False)


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
