"""Which file names a submission may hold. Everything else is refused by name, each for its reason.

``manifest.json``, ``suite.json``, ``records/<key>.json``, ``generators/<sha256>.safetensors`` and
``images/<sha256>.png``: no name is ever used as a path to write to, but a name that could be one is
a sign of an attack and ends the reading at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from srbench.errors import SubmissionError
from srbench.verify.limits import Kind

MANIFEST: Final = "manifest.json"
SUITE: Final = "suite.json"
MAX_NAME: Final = 200

_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("manifest", re.compile(re.escape(MANIFEST))),
    ("suite", re.compile(re.escape(SUITE))),
    ("record", re.compile(r"records/[0-9a-f]{64}\.json")),
    ("generator", re.compile(r"generators/[0-9a-f]{64}\.safetensors")),
    ("image", re.compile(r"images/[0-9a-f]{64}\.png")),
)
_OPINIONS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("opinions", re.compile(r"opinions/[0-9a-f]{64}\.json")),
    ("votes", re.compile(r"opinions/[0-9a-f]{64}\.csv")),
)
_BOARD_GENERATOR: Final = re.compile(r"generators/[A-Za-z0-9][A-Za-z0-9._+=-]*\.safetensors")
_PICKLES: Final = frozenset([
    ".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pckl", ".pickle", ".pkl", ".pt", ".pth",
    ".pyc",
])  # fmt: skip
_ARCHIVES: Final = frozenset([
    ".7z", ".bz2", ".egg", ".gz", ".jar", ".lzma", ".rar", ".tar", ".tbz", ".tgz", ".txz", ".whl",
    ".xz", ".zip", ".zst",
])  # fmt: skip
_ONLY: Final = (
    "a submission holds manifest.json, suite.json, records/, generators/*.safetensors and "
    "images/*.png, as `srbench submit` writes them"
)


def file_kind(name: str) -> Kind:
    """What the file of this name is.

    Raises:
        SubmissionError: no such file belongs into a submission; the message says why.
    """
    _refuse_dangerous(name)
    _refuse_executable(name)
    for kind, pattern in _KINDS:
        if pattern.fullmatch(name):
            return kind
    raise _refused(name, "is an unknown file")


def board_kind(name: str) -> Kind:
    """As :func:`file_kind`, for what a published folder holds; ``opinions/`` may be among it.

    There a generator may have any plain name: it is known by its hash.
    """
    _refuse_dangerous(name)
    _refuse_executable(name)
    for kind, pattern in _OPINIONS:
        if pattern.fullmatch(name):
            return kind
    return "generator" if _BOARD_GENERATOR.fullmatch(name) else file_kind(name)


def refuse_duplicates(names: Iterable[str]) -> None:
    """Refuse two names of one file, also where they differ in case alone.

    Raises:
        SubmissionError: such a pair.
    """
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.casefold(), name)
        if first is not name:
            raise _refused(name, f"is there twice (as {first!r:.120} too)")


def _refuse_dangerous(name: str) -> None:
    parts = name.split("/")
    if not name or len(name) > MAX_NAME:
        raise _refused(name, f"has a name of {len(name)} characters (1 to {MAX_NAME} are allowed)")
    if not name.isascii() or not name.isprintable():
        raise _refused(name, "has a name with control or non-ASCII characters")
    if name.startswith("/"):
        raise _refused(name, "has an absolute path")
    if re.match(r"[A-Za-z]:", name):
        raise _refused(name, "has a path with a drive letter")
    if "\\" in name:
        raise _refused(name, "has a path with a backslash")
    if ".." in parts or "." in parts:
        raise _refused(name, "has a path that leads elsewhere (path traversal)")
    if name.endswith("/"):
        raise _refused(name, "is a folder, where only files belong")
    if "" in parts:
        raise _refused(name, "has a path with an empty part")


def _refuse_executable(name: str) -> None:
    suffixes = {suffix.lower() for suffix in PurePosixPath(name).suffixes}
    if suffixes & _PICKLES:
        raise _refused(name, "may be a pickle, which runs code when it is loaded")
    if suffixes & _ARCHIVES:
        raise _refused(name, "is an archive inside the archive")


def _refused(name: str, why: str) -> SubmissionError:
    return SubmissionError(f"the submission's file {name!r:.120} {why}", _ONLY)
