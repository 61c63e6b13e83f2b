"""The published folder: what is written, what is left alone, what is removed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from srbench.errors import UserError
from srbench.files import TEMPORARY, has_link, read_regular, sha256_hex, write_atomic

LISTING: Final = "published.json"
MAX_BYTES: Final = 256 << 20
_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_OURS: Final = re.compile(
    r"index\.html|starts\.json|leaderboard\.(csv|json|md)"
    r"|[^/]+/(.+/)?[^/]+\.(html|json|csv|png|tex|toml|css|js|webp|safetensors)"
)
"""What a publishing writes; nothing else is removed, whatever a listing says."""


class SiteFolder:
    """Files below one folder. Unchanged ones are not touched; those of an earlier publishing that
    are no longer part of the site are removed by :meth:`finish`. Others are left alone, and nothing
    is read, written or removed through a link below the folder.

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
        """Write ``name`` below the root, through a temporary name, and return it.

        Raises:
            UserError: a link stands in its place, or in that of one of its folders; or a pipe or a
                device does, whose reader may never come.
        """
        if _SAFE.fullmatch(name) is None:
            raise AssertionError(f"unsafe name: {name!r}")
        content = data.encode("utf-8", "replace") if isinstance(data, str) else data
        if name in self._written:
            return name
        if self._before is None:
            # First of all: whatever ends this, the same command knows the folder again.
            self._before = {}
            self._write_listing({})
        if has_link(self.root, self.root / name):
            raise UserError(
                f"expected files and folders of a published site, got a link at {name} in "
                f"{self.root}: what it leads to is not overwritten",
                "remove the link, or publish to another folder",
            )
        if (self.root / name).exists() and not (self.root / name).is_file():
            raise UserError(
                f"expected files of a published site, got something else at {self.root / name}",
                "remove it, or publish to another folder",
            )
        self._written[name] = {"bytes": len(content), "sha256": sha256_hex(content)}
        if self.read(name) != content:
            # Without fsync: a site is made again in seconds, and thousands of syncs are not.
            write_atomic(self.root / name, content, sync=False)
        return name

    def read(self, name: str) -> bytes | None:
        """What an earlier publishing left under ``name``."""
        if _SAFE.fullmatch(name) is None or has_link(self.root, self.root / name):
            return None
        try:
            return read_regular(self.root / name, MAX_BYTES)
        except OSError:  # not there, or no such file as is written here
            return None

    def pictures(self) -> set[str]:
        """WebP pictures that people laid directly in the folder, for their texts to show."""
        names = {path.name for path in self.root.glob("*.webp")}
        return {name for name in names if self.read(name) is not None}

    def sizes(self) -> dict[str, int]:
        """Bytes of every file of the site."""
        return {name: entry["bytes"] for name, entry in self._written.items()}

    def finish(self) -> int:
        """Remove what is stale, write the listing, and return the bytes of the whole site."""
        before = self._before or {}
        for name in sorted(set(before) - set(self._written), reverse=True):
            content = self.read(name)
            if content is not None and sha256_hex(content) == before[name]:
                path = self.root / name
                path.unlink()
                _remove_empty(path.parent, self.root)
        for path in self.root.rglob(f"{TEMPORARY}*"):  # of a publishing that was killed
            if path.is_file() and not has_link(self.root, path):
                path.unlink()
        self._write_listing(self._written)
        return sum(self.sizes().values())

    def _write_listing(self, files: Mapping[str, Any]) -> None:
        text = json.dumps({"schema": 1, "files": dict(sorted(files.items()))}, indent=1) + "\n"
        if self.read(LISTING) != text.encode():
            write_atomic(self.root / LISTING, text, sync=False)


def _listing(root: Path) -> dict[str, str] | None:
    """Name -> sha256 of what an earlier publishing wrote; a listing is a file like any other."""
    path = root / LISTING
    if not path.exists() and not path.is_symlink():
        return None
    try:
        if path.is_symlink():
            raise ValueError("it is a link")
        files = json.loads(read_regular(path, MAX_BYTES))["files"]
        return {
            name: str(entry["sha256"])
            for name, entry in files.items()
            if _SAFE.fullmatch(name) is not None and _OURS.fullmatch(name) is not None
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path}: expected the list of published files, got something else: {error!s:.200}",
            "restore it, or publish to an empty folder",
        ) from error


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
