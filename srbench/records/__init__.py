"""Records: one JSON file per trained row and seed, the interface between running and reporting."""

from srbench.records.atomic import write_atomic
from srbench.records.io import read_record, read_records, record_text, write_record
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
    "read_record",
    "read_records",
    "record_text",
    "write_atomic",
    "write_record",
]
