"""A folder from a stranger: an unpacked submission, or a published leaderboard."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from srbench.errors import SubmissionError
from srbench.verify.limits import Kind, Limits, too_large, too_many
from srbench.verify.names import MANIFEST, board_kind, file_kind

_BOARD: Final = ("generators", "opinions", "records")
_CHUNK: Final = 1 << 20


class FolderSource:
    """The files of a folder; symbolic links are refused, not followed.

    A folder with a ``manifest.json`` is an unpacked submission and must hold exactly what that
    lists. Any other must have ``records/``: of it only ``records/*.json``, ``generators/`` and
    ``opinions/`` are read, as of ``leaderboard/``; hidden files are passed over.

    Raises:
        SubmissionError: neither of the two, too many files, or one that does not belong there.
    """

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self.strict = os.path.lexists(root / MANIFEST)
        if not self.strict and not (root / "records").is_dir():
            raise SubmissionError(
                f"expected {MANIFEST} or records/ in {root}, found neither",
                "give an archive that `srbench submit` wrote, or a folder such as leaderboard/",
            )
        if not self.strict and (root / "checkpoints").is_dir():
            raise SubmissionError(
                f"expected a submission or a leaderboard, got the out folder of a run: {root}",
                f"pack it first: srbench submit {root}",
            )
        self._kinds = dict(sorted(self._listed()))

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Name -> kind."""
        return self._kinds

    def read(self, name: str) -> bytes:
        """All bytes of ``name``; a link that was put there meanwhile is refused too."""
        limit = self._limits.file_bytes[self._kinds[name]]
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            with os.fdopen(os.open(self._root / name, flags), "rb") as file:
                status = os.fstat(file.fileno())
                _check_regular(name, status)
                data = file.read(min(limit, status.st_size) + 1)  # room is made for all of it
        except OSError as error:
            raise SubmissionError(f"cannot read {name!r:.120}: {error.strerror}") from error
        if len(data) > limit:
            raise too_large(name, limit)
        return data

    def _listed(self) -> Iterator[tuple[str, Kind]]:
        tops = ("",) if self.strict else _BOARD
        kind_of = file_kind if self.strict else board_kind
        for count, name in enumerate((n for top in tops for n in self._walk(top)), start=1):
            if count > self._limits.files:
                raise too_many(self._limits.files)
            yield name, kind_of(name)

    def _walk(self, folder: str) -> Iterator[str]:
        if not os.path.lexists(self._root / folder):
            return
        if folder and self._root.joinpath(folder).is_symlink():
            raise _is_link(folder)
        with os.scandir(self._root / folder) as entries:
            for entry in entries:
                if not self.strict and entry.name.startswith("."):
                    continue
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if folder:
                        raise SubmissionError(f"the submission has a folder {name!r:.120} too many")
                    yield from self._walk(name)
                    continue
                _check_regular(name, entry.stat(follow_symlinks=False))
                yield name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


def _check_regular(name: str, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise _is_link(name)
    if not stat.S_ISREG(status.st_mode):
        raise SubmissionError(f"the submission's file {name!r:.120} is no ordinary file")


def _is_link(name: str) -> SubmissionError:
    return SubmissionError(f"the submission's file {name!r:.120} is a symbolic link")
