"""Records: one JSON file per trained row and seed, the interface between running and reporting.

Names are loaded on first use: building the schema's models takes a fifth of a second, which a
worker need not wait for before it trains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.lazy import lazy_names

if TYPE_CHECKING:
    from srbench.records.identity import (
        record_key,
        record_sha256,
        states_conditions,
    )
    from srbench.records.io import (
        parse_record,
        read_record,
        read_records,
        record_files,
        record_text,
        write_record,
    )
    from srbench.records.metrics import AgreementInfo, MetricInfo, metric_info
    from srbench.records.row_kind import RowKind, kind_of_label
    from srbench.records.schema import (
        SCHEMA_VERSION,
        Artifact,
        CalibrationInfo,
        Cost,
        CurvePoint,
        Environment,
        Failure,
        LossInfo,
        Manifest,
        Record,
        SuiteInfo,
        TermInfo,
        ValidationPoint,
        WeightInfo,
    )
    from srbench.records.scores import DatasetScores, Interpolated, MetricScores

__all__ = [
    "SCHEMA_VERSION",
    "AgreementInfo",
    "Artifact",
    "CalibrationInfo",
    "Cost",
    "CurvePoint",
    "DatasetScores",
    "Environment",
    "Failure",
    "Interpolated",
    "LossInfo",
    "Manifest",
    "MetricInfo",
    "MetricScores",
    "Record",
    "RowKind",
    "SuiteInfo",
    "TermInfo",
    "ValidationPoint",
    "WeightInfo",
    "kind_of_label",
    "metric_info",
    "parse_record",
    "read_record",
    "read_records",
    "record_files",
    "record_key",
    "record_sha256",
    "record_text",
    "states_conditions",
    "write_record",
]

__getattr__ = lazy_names(
    __name__,
    {
        ".identity": ("record_key", "record_sha256", "states_conditions"),
        ".io": (
            "parse_record",
            "read_record",
            "read_records",
            "record_files",
            "record_text",
            "write_record",
        ),
        ".metrics": ("AgreementInfo", "MetricInfo", "metric_info"),
        ".row_kind": ("RowKind", "kind_of_label"),
        ".schema": (
            "SCHEMA_VERSION",
            "Artifact",
            "CalibrationInfo",
            "Cost",
            "CurvePoint",
            "Environment",
            "Failure",
            "LossInfo",
            "Manifest",
            "Record",
            "SuiteInfo",
            "ValidationPoint",
            "TermInfo",
            "WeightInfo",
        ),
        ".scores": ("DatasetScores", "Interpolated", "MetricScores"),
    },
)
