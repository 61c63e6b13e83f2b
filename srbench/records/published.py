"""``record.schema.json``: the JSON Schema of a record, published in the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from srbench.files import write_atomic
from srbench.records.schema import Record

SCHEMA_PATH = Path(__file__).with_name("record.schema.json")


def record_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record as this version reads it.

    A schema cannot say that a mean agrees with its images or that every metric covers every image:
    :func:`srbench.records.read_record` checks those too.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Record.model_json_schema(by_alias=True, mode="validation"),
    }


def write_record_schema(path: Path = SCHEMA_PATH) -> Path:
    """Write the schema anew; to be called after a change of :mod:`srbench.records.schema`."""
    return write_atomic(path, json.dumps(record_schema(), indent=1, sort_keys=True) + "\n")
