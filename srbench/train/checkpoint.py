"""Checkpoints that survive a kill, a power loss and a full disk.

A checkpoint is written under a temporary name, flushed to the disk and renamed, so a file with a
final name is whole. It ends in a hash of its contents, so damage by the disk is noticed too; the
file before it is kept for that case. The files stay readable by ``torch.load``.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from srbench.errors import SrbenchError
from srbench.files import TEMPORARY, replacing
from srbench.train.version import TRAINING_VERSION

FORMAT = 1
MAGIC = b"SRBENCH1"
KEEP = 2

_FOOTER = len(MAGIC) + hashlib.sha256().digest_size
_NAME = re.compile(r"checkpoint-(\d{9})\.pt")
_log = logging.getLogger(__name__)


class CheckpointError(SrbenchError):
    """A checkpoint that could not be written, or that belongs to other work."""


class _DamagedError(Exception):
    """A file that is not what was written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What was restored: updates done so far, and the state that was saved then."""

    iteration: int
    state: dict[str, Any]


class CheckpointFolder:
    """The checkpoints of one job.

    Args:
        path: a folder of its own; made when first needed.
        identity: of the job, for example its key; checkpoints of another one are refused.
        every_seconds: a checkpoint is due after this time.
        every_iterations: and after this many iterations; ``None`` leaves it to the clock.
    """

    def __init__(
        self,
        path: Path,
        *,
        identity: str = "",
        every_seconds: float = 300.0,
        every_iterations: int | None = None,
    ) -> None:
        self.path = path
        self.identity = identity
        self._every_seconds = every_seconds
        self._every_iterations = every_iterations
        self._last = time.monotonic()

    def due(self, iteration: int) -> bool:
        """Whether to save now."""
        if self._every_iterations and iteration % self._every_iterations == 0:
            return True
        return time.monotonic() - self._last >= self._every_seconds

    def save(self, iteration: int, state: dict[str, Any]) -> Path:
        """Write ``state`` as the newest checkpoint; the one before it is kept.

        Args:
            state: nested dicts, lists and tuples of tensors, numbers, strings and ``None``.

        Raises:
            CheckpointError: it could not be written; the older ones are untouched.
        """
        _check_plain(state, "state")
        document = {
            "format": FORMAT,
            "training_version": TRAINING_VERSION,
            "identity": self.identity,
            "iteration": iteration,
            "state": state,
        }
        path = self.path / f"checkpoint-{iteration:09d}.pt"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _write(document, path)
            for _, old in self._files()[KEEP:]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"expected to write a checkpoint to {path}, got: {error}",
                "make room or make the folder writable, then run the same command again",
            ) from error
        self._last = time.monotonic()
        return path

    def load(self) -> tuple[Checkpoint | None, tuple[str, ...]]:
        """The newest checkpoint that is whole, and a sentence on each damaged one before it.

        ``None`` where there is none: the work starts from the beginning. Damaged files are set
        aside under the name ``damaged-...``.

        Raises:
            CheckpointError: a checkpoint of another job, or of another version of training.
        """
        notes: list[str] = []
        self._remove_temporary()
        self._last = time.monotonic()
        for _, path in self._files():
            try:
                document = _read(path)
            except _DamagedError as damage:
                aside = path.with_name(f"damaged-{path.name}")
                os.replace(path, aside)
                note = f"checkpoint {path.name} is damaged ({damage}); falling back"
                _log.warning("%s to the one before it; set aside as %s", note, aside)
                notes.append(note)
                continue
            self._check_belongs(document, path)
            return Checkpoint(iteration=document["iteration"], state=document["state"]), (*notes,)
        return None, (*notes,)

    def _files(self) -> list[tuple[int, Path]]:
        if not self.path.is_dir():
            return []
        matches = ((_NAME.fullmatch(path.name), path) for path in self.path.iterdir())
        return sorted(((int(m[1]), path) for m, path in matches if m), reverse=True)

    def _remove_temporary(self) -> None:
        for path in self.path.glob(f"{TEMPORARY}*"):
            path.unlink(missing_ok=True)

    def _check_belongs(self, document: dict[str, Any], path: Path) -> None:
        for what, mine in (
            ("format", FORMAT),
            ("training_version", TRAINING_VERSION),
            ("identity", self.identity),
        ):
            if document[what] != mine:
                raise CheckpointError(
                    f"{path}: expected a checkpoint with {what} {mine!r}, got {document[what]!r}",
                    "remove that checkpoint folder, or use the out folder of that other run",
                )


def _write(document: dict[str, Any], path: Path) -> None:
    # By way of memory: where torch's writer, which is C++, calls Python, an exception in there (a
    # full disk, Ctrl-C) becomes another one, or ends the process.
    buffer = io.BytesIO()
    torch.save(document, buffer)
    with buffer.getbuffer() as data, replacing(path) as file:
        file.write(data)
        file.write(MAGIC + hashlib.sha256(data).digest())


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END) - _FOOTER
        if size <= 0:
            raise _DamagedError("too short")
        file.seek(0)
        digest, remaining = hashlib.sha256(), size
        while remaining:
            block = file.read(min(remaining, 1 << 20))
            digest.update(block)
            remaining -= len(block)
        if file.read() != MAGIC + digest.digest():
            raise _DamagedError("its contents do not match their hash")
        file.seek(0)
        try:
            document: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                f"{path}: expected tensors and plain values, got something that would run code",
                "do not resume from files of people whom you do not trust",
            ) from error
        return document


def _check_plain(value: Any, where: str) -> None:
    # Anything else would be written now and refused by weights_only when it is needed.
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_plain(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        if not all(type(item) in (int, float, str) for item in value):
            for index, item in enumerate(value):
                _check_plain(item, f"{where}[{index}]")
    else:
        plain = value is None or type(value) in (int, float, str, bool, bytes)
        assert plain or isinstance(value, Tensor), f"{where} is a {type(value).__name__}"
