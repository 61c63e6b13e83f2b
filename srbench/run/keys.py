"""Content keys: the sha256 of everything that can change a job's result, and nothing else."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def content_key(document: Mapping[str, Any]) -> str:
    """sha256 of the canonical JSON of ``document``: key order and white space do not matter.

    Raises:
        ValueError: NaN or infinity, which have no JSON form.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def minor_version(distribution: str) -> str:
    """``2.6`` for an installed ``2.6.1+cpu``, without importing it."""
    return ".".join(importlib.metadata.version(distribution).split(".")[:2])
