"""Records: one JSON file per trained row and seed, the interface between running and reporting.

Names are loaded on first use: building the schema's models takes a fifth of a second, which a
worker need not wait for before it trains.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srbench.records.atomic import write_atomic
    from srbench.records.identity import (
        conditions_sha256,
        content_key,
        record_key,
        record_sha256,
    )
    from srbench.records.io import (
        parse_record,
        read_record,
        read_records,
        record_text,
        write_record,
    )
    from srbench.records.schema import (
        SCHEMA_VERSION,
        Artifact,
        CalibrationInfo,
        Cost,
        CurvePoint,
        DatasetScores,
        Environment,
        Failure,
        LossInfo,
        Manifest,
        MetricScores,
        Record,
        SuiteInfo,
        TermInfo,
        WeightInfo,
    )

_HOME = {
    "atomic": ("write_atomic",),
    "identity": ("conditions_sha256", "content_key", "record_key", "record_sha256"),
    "io": ("parse_record", "read_record", "read_records", "record_text", "write_record"),
    "schema": (
        "SCHEMA_VERSION",
        "Artifact",
        "CalibrationInfo",
        "Cost",
        "CurvePoint",
        "DatasetScores",
        "Environment",
        "Failure",
        "LossInfo",
        "Manifest",
        "MetricScores",
        "Record",
        "SuiteInfo",
        "TermInfo",
        "WeightInfo",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "SCHEMA_VERSION",
    "Artifact",
    "CalibrationInfo",
    "Cost",
    "CurvePoint",
    "DatasetScores",
    "Environment",
    "Failure",
    "LossInfo",
    "Manifest",
    "MetricScores",
    "Record",
    "SuiteInfo",
    "TermInfo",
    "WeightInfo",
    "conditions_sha256",
    "content_key",
    "parse_record",
    "read_record",
    "read_records",
    "record_key",
    "record_sha256",
    "record_text",
    "write_atomic",
    "write_record",
]


def __getattr__(name: str) -> object:
    """Load the module that holds ``name`` when it is first asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
