"""Content keys: the sha256 of everything that can change a job's result, and nothing else."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

from srbench.settings.canonical import content_key

__all__ = ["content_key", "file_sha256", "minor_version"]


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def minor_version(distribution: str) -> str:
    """``2.6`` for an installed ``2.6.1+cpu``, without importing it."""
    return ".".join(importlib.metadata.version(distribution).split(".")[:2])
