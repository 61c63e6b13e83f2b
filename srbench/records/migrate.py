"""Bringing older records up to the present schema, one version at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from srbench.errors import RecordError
from srbench.records.schema import SCHEMA_VERSION

Step = Callable[[dict[str, Any]], dict[str, Any]]
"""From a document of one schema version to the same record in the next; it copies, never edits."""

STEPS: Final[Mapping[int, Step]] = MappingProxyType({1: dict})
"""Version -> the step that leaves it. Whoever raises ``SCHEMA_VERSION`` adds the step from the
version before. Version 2 brought the hashes of images, which older records do not have."""


def migrate(
    document: dict[str, Any],
    origin: str = "record",
    *,
    steps: Mapping[int, Step] = STEPS,
    target: int = SCHEMA_VERSION,
) -> dict[str, Any]:
    """The document in schema ``target``; itself where it already is.

    Raises:
        RecordError: no schema version, one newer than ``target``, or one without a step.
    """
    version = document.get("schema")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= target:
        shown = repr(version)[:40] if isinstance(version, str) else type(version).__name__
        raise RecordError(
            f"{origin}: expected record schema 1 to {target}, got {shown}",
            "upgrade srbench to read newer records",
        )
    while version < target:
        if version not in steps:
            raise RecordError(f"{origin}: expected a migration from record schema {version}")
        document = {**steps[version](document), "schema": version + 1}
        version += 1
    return document
