"""``verification.json``: which mark each published record has. Written by ``srbench verify``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from srbench.errors import UserError
from srbench.files import read_regular

FILE: Final = "verification.json"
MAX_BYTES: Final = 64 << 20


class Mark(BaseModel):
    """The entry of one record; what else ``srbench verify`` says of it is kept as it is.

    ``record_sha256``, where it is stated: the mark holds for a record of that very content only.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    mark: Literal["scores-verified", "reproduced", "not-recomputed", "differs"]
    reproduced: bool = False
    record_sha256: str | None = None


_MARKS = TypeAdapter(dict[str, Mark])


def parse_marks(document: Mapping[str, Any], origin: str = FILE) -> dict[str, Mark]:
    """Record key -> mark; an entry may be the mark alone.

    Raises:
        UserError: the document is something else.
    """
    whole = {key: {"mark": v} if isinstance(v, str) else v for key, v in document.items()}
    try:
        return _MARKS.validate_python(whole)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part)[:12] for part in first["loc"])
        raise UserError(f"{origin}: {place}: {first['msg']}") from error


def read_marks(path: Path) -> dict[str, Mark]:
    """The marks in ``path``; empty where there is no file yet.

    Raises:
        UserError: the file is no such document.
    """
    if not path.exists():
        return {}
    try:
        data = read_regular(path, MAX_BYTES)
        document = TypeAdapter(dict[str, Any]).validate_json(data)
    except (OSError, ValueError) as error:
        raise UserError(f"expected the marks of records in {path}, got: {error!s:.200}") from error
    return parse_marks(document, str(path))
