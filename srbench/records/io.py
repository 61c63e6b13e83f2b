"""Reading and writing records. A record is hostile input: limits and validation before use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from srbench.errors import RecordError
from srbench.files import read_regular, write_atomic
from srbench.records.layout import OutFolder
from srbench.records.migrate import migrate
from srbench.records.schema import Record

MAX_BYTES = 16 << 20


def record_text(record: Record) -> str:
    """The canonical text of a record: sorted keys, so that equal records are equal bytes."""
    document = record.model_dump(mode="json", by_alias=True)
    return (
        json.dumps(document, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    )


def write_record(record: Record, folder: Path) -> Path:
    """Write ``folder/<key>.json`` atomically and return its path."""
    return write_atomic(folder / f"{record.key}.json", record_text(record))


def read_record(path: Path) -> Record:
    """Read and validate one record.

    Raises:
        RecordError: not JSON, an unknown field, a NaN, a missing image, a mean that disagrees with
            its images, or a schema version newer than this srbench.
    """
    try:
        data = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise RecordError(f"{path}: expected a JSON record, got: {error}") from error
    return parse_record(data, str(path))


def parse_record(data: bytes, origin: str = "record") -> Record:
    """A record from the bytes of its file, as :func:`read_record`."""
    try:
        # pydantic's parser: four times as fast as json's, and it refuses NaN and deep nesting.
        document = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise RecordError(f"{origin}: expected a JSON record, got: {error}") from error
    return validate_record(document, origin)


def validate_record(document: Any, origin: str = "record") -> Record:
    """A record from its plain document; ``origin`` is named in errors."""
    if not isinstance(document, dict):
        raise RecordError(f"{origin}: expected a JSON object, got {type(document).__name__}")
    document = migrate(document, origin)
    try:
        return Record.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(f"{part!s:.80}" for part in first["loc"]) or "record"
        raise RecordError(
            f"{origin}: {place}: {first['msg']}",
            "the file was edited or damaged; run the suite again to rebuild it",
        ) from error


def read_records(folders: Iterable[Path]) -> Iterator[Record]:
    """Every record below ``OUT/records`` of the given out folders, in a stable order.

    Raises:
        RecordError: a folder holds no records, or one of them is damaged.
    """
    for folder in folders:
        for path in record_files(folder):
            yield read_record(path)


def record_files(folder: Path) -> list[Path]:
    """The records of an out folder, or of its ``records/``, in a stable order.

    Raises:
        RecordError: there are none, or one is a link that leaves the folder.
    """
    records = OutFolder(folder).records if OutFolder(folder).records.is_dir() else folder
    paths = sorted(p for p in records.glob("*.json") if not p.name.startswith("."))
    if not paths:
        raise RecordError(
            f"expected records in {folder / 'records'}, found none",
            "give the out folder of a run, for example runs/quick",
        )
    root = folder.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(root):
            raise RecordError(f"expected records in {folder}, got a link to elsewhere: {path}")
    return paths
