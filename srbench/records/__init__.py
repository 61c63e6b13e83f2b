"""Records: one JSON file per trained row and seed, the interface between running and reporting.

Names are loaded on first use: building the schema's models takes a fifth of a second, which a
worker need not wait for before it trains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.lazy import lazy_names

if TYPE_CHECKING:
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
    "write_record",
]

__getattr__ = lazy_names(
    __name__,
    {
        ".identity": ("conditions_sha256", "content_key", "record_key", "record_sha256"),
        ".io": ("parse_record", "read_record", "read_records", "record_text", "write_record"),
        ".schema": (
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
    },
)
