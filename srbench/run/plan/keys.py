"""Content keys: the sha256 of everything that can change a job's result, and nothing else."""

from __future__ import annotations

import importlib.metadata

from srbench.settings.canonical import content_key

__all__ = ["content_key", "minor_version"]


def minor_version(distribution: str) -> str:
    """``2.6`` for an installed ``2.6.1+cpu``, without importing it."""
    return ".".join(importlib.metadata.version(distribution).split(".")[:2])
