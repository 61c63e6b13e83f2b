"""Where a submission's files are read from. Nothing is ever unpacked: bytes go to memory only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from srbench.errors import SubmissionError
from srbench.verify.archive import ArchiveSource
from srbench.verify.folder import FolderSource
from srbench.verify.limits import Kind, Limits


class Source(Protocol):
    """Files by name, each of a known kind.

    Attributes:
        kinds: name -> kind of every file, in the order of the names.
        strict: whether a manifest must list exactly these files.
    """

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Name -> kind."""
        ...

    @property
    def strict(self) -> bool:
        """An archive, or a folder that was one; not a published leaderboard."""
        ...

    def read(self, name: str) -> bytes:
        """All bytes of a file, never more than the limit of its kind."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_source(path: Path, limits: Limits) -> Source:
    """The submission at ``path``: an archive, or a folder.

    Raises:
        SubmissionError: nothing there, or something that no submission is.
    """
    if path.is_dir():
        return FolderSource(path, limits)
    if path.is_file():
        return ArchiveSource(path, limits)
    raise SubmissionError(
        f"expected a submission (a .zip that `srbench submit` wrote) or a folder such as "
        f"leaderboard/, found nothing at {path}"
    )
