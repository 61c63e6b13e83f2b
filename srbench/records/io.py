"""Reading and writing records. A record is hostile input: limits and validation before use."""

from __future__ import annotations

import functools
import json
import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from srbench.errors import RecordError
from srbench.files import read_regular, write_atomic
from srbench.imaging.listing import some_names
from srbench.records.layout import OutFolder
from srbench.records.migrate import migrate
from srbench.records.schema import Record

MAX_BYTES = 16 << 20

_RECORD_NAME = re.compile(r"[0-9a-f]{64}\.json")
_EXAMPLE = "give the out folder of a run, for example runs/quick"
_log = logging.getLogger(__name__)


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

    Files of other names are passed over, and a warning names them.

    Raises:
        RecordError: there are none, or one is a link that leaves the folder; of a run that has
            scored nothing yet the message says how to go on.
    """
    out = OutFolder(folder)
    records = out.records if out.records.is_dir() else folder
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise RecordError(f"expected the out folder of a run at {folder}: {found}", _EXAMPLE)
    names = sorted(path.name for path in records.glob("*.json") if not path.name.startswith("."))
    paths = [records / name for name in names if _RECORD_NAME.fullmatch(name)]
    if not paths:
        raise _without_records(out)
    root = folder.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(root):
            raise RecordError(f"expected records in {folder}, got a link to elsewhere: {path}")
    if records.name == "records":
        _name_foreign(records, tuple(n for n in names if not _RECORD_NAME.fullmatch(n)))
    return paths


@functools.lru_cache(maxsize=256)
def _name_foreign(records: Path, names: tuple[str, ...]) -> None:
    """Said once for each folder and process."""
    if names:
        _log.warning("passed over in %s, no records: %s", records, some_names(names))


def _without_records(out: OutFolder) -> RecordError:
    try:
        plan = json.loads(out.plan.read_text(encoding="utf-8"))
        command = str(plan["command"])
    except (OSError, ValueError, TypeError, KeyError):
        return RecordError(f"expected records in {out.records}, found none", _EXAMPLE)
    finished = sum(out.result(str(key)).exists() for key in plan.get("jobs", ()))
    return RecordError(
        f"nothing is scored yet in {out.root}: {finished} of {len(plan.get('jobs', ()))} jobs are "
        "finished",
        f"go on with: {command or 'srbench run'}",
    )
