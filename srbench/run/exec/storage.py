"""Jobs' files in a place that all machines reach: a folder, S3 and the like, through fsspec.

For clusters without a shared file system. A worker runs in a scratch folder on its node's disk;
what it needs is fetched from the storage before, its checkpoints and result are pushed there. The
result goes last, so a job that has one there is complete there.
"""

from __future__ import annotations

import contextlib
import os
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from srbench.errors import SrbenchError, UserError
from srbench.records.layout import OutFolder
from srbench.settings.canonical import content_key

CHECKPOINTS = "checkpoint-*.pt"
NOTES = ("attempts.json", "failure.json", "log.txt")
MADE = "made.zip"
"""Images and scores of a scoring job, under their paths in the out folder."""
RESULT = ("generator.safetensors", MADE, "result.json")
"""In this order."""


class StorageError(SrbenchError):
    """The storage could not be read or written."""


class Storage:
    """The files of jobs at a URL.

    Args:
        url: what fsspec takes: ``/shared/folder``, ``s3://bucket/folder``, ``gs://...``.

    Raises:
        UserError: no such protocol, or its package is not installed.
    """

    def __init__(self, url: str) -> None:
        import fsspec  # type: ignore[import-untyped]

        self.url = url
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UserError(
                f"expected a storage URL that fsspec can open, got {url!r}: {error}",
                "for example /shared/runs, or s3://bucket/runs with s3fs installed",
            ) from error
        self._pushed: dict[str, int] = {}

    def share(self, out: OutFolder, key: str) -> None:
        """Send what only this machine has of a job: a result of an earlier, local run."""
        if out.result(key).exists() and not self._is_there(self._place(key, "result.json")):
            self.push(out, key)

    def fetch(self, out: OutFolder, key: str) -> bool:
        """Bring a job's result here, or its checkpoints where it has none yet.

        Returns:
            Whether the job is finished.
        """
        if out.result(key).exists():
            return True
        folder = out.checkpoint(key)
        finished = self._is_there(self._place(key, "result.json"))
        for name in RESULT if finished else self._checkpoints(key):
            self._get(self._place(key, name), folder / name)
        for name in NOTES:
            self._get(self._place(key, name), out.job(key) / name)
        _unpack(out, folder / MADE)
        return finished

    def push(self, out: OutFolder, key: str) -> None:
        """Send what is new of a job: checkpoints, notes, and at last its result."""
        folder = out.checkpoint(key)
        mine = sorted(path.name for path in folder.glob(CHECKPOINTS))
        for name in mine:
            self._put(folder / name, self._place(key, name))
        for name in set(self._checkpoints(key)) - set(mine) if mine else ():
            self._files.rm(self._place(key, name))
        for name in NOTES:
            self._put(out.job(key) / name, self._place(key, name))
        for name in RESULT:
            self._put(folder / name, self._place(key, name))

    @staticmethod
    def pack(out: OutFolder, key: str, made: Iterable[Path]) -> None:
        """Put what a job made outside its own folder into one file of its result."""
        found = [f for path in made for f in (path.rglob("*") if path.is_dir() else [path])]
        files = [path for path in found if path.is_file()]
        if not files:
            return
        with zipfile.ZipFile(out.checkpoint(key) / MADE, "w") as archive:
            for path in files:
                archive.write(path, path.relative_to(out.root))

    def scratch(self) -> OutFolder:
        """A folder of this machine for the jobs of this storage."""
        from srbench.files import cache_folder

        name = content_key({"storage": self.url})[:16]
        return OutFolder(cache_folder() / "runs" / name)

    def _place(self, key: str, name: str) -> str:
        return f"{self._root}/jobs/{key}/{name}"

    def _checkpoints(self, key: str) -> list[str]:
        with self._reached():
            # Object stores remember listings; other machines have written since.
            self._files.invalidate_cache()
            found = self._files.glob(self._place(key, CHECKPOINTS))
        return sorted(os.path.basename(path) for path in found)

    def _is_there(self, place: str) -> bool:
        with self._reached():
            self._files.invalidate_cache()
            return bool(self._files.exists(place))

    def _get(self, place: str, path: Path) -> None:
        if not self._is_there(place):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".tmp-{uuid.uuid4().hex}")
        with self._reached():
            self._files.get_file(place, str(part))
        os.replace(part, path)

    def _put(self, path: Path, place: str) -> None:
        if not path.exists():
            return
        stamp = path.stat().st_mtime_ns
        if self._pushed.get(place) == stamp:
            return
        with self._reached():
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            if "file" in _protocols(self._files):
                # Object stores show an upload when it is whole; a folder shows it as it grows.
                part = f"{place.rpartition('/')[0]}/.tmp-{uuid.uuid4().hex}"
                self._files.put_file(str(path), part)
                os.replace(part, place)
            else:
                self._files.put_file(str(path), place)
        self._pushed[place] = stamp

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """Name the storage where it does not answer: its errors speak of hosts and buckets alone.

        Libraries of object stores raise classes of their own, so everything is caught.
        """
        try:
            yield
        except Exception as error:
            raise StorageError(
                f"expected the storage {self.url} to answer, got {type(error).__name__}: {error}",
                "finished work is kept: check its name, the network and your rights, then run "
                "the same command again",
            ) from error


def _unpack(out: OutFolder, archive: Path) -> None:
    """Put what a job made outside its own folder where it belongs in this out folder."""
    if archive.exists():
        with zipfile.ZipFile(archive) as files:
            files.extractall(out.root)
        archive.unlink()


def _protocols(files: Any) -> tuple[str, ...]:
    protocol = files.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
