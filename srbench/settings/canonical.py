"""The canonical form of settings: what keys of jobs and conditions of tables are hashed from.

It holds only what differs from the defaults. So a setting that is added with a default leaves every
key and every published condition as it was; and no default may change within a schema version
(``tests/settings/defaults.json`` holds them).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from srbench.files import sha256_hex


class Outside:
    """Marks a field that is part of no key and no condition: it changes no result."""


OUTSIDE: Final = Outside()


def canonical(model: BaseModel) -> dict[str, Any]:
    """The settings that decide a result, as JSON data: those that differ from their defaults.

    Fields marked :data:`OUTSIDE` are left out, and so is a section that says nothing new. A field
    without a default is always there.
    """
    document: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        if OUTSIDE in field.metadata:
            continue
        value = getattr(model, name)
        if not field.is_required() and value == field.get_default(call_default_factory=True):
            continue
        document[field.alias or name] = _plain(value)
    return document


def content_key(document: Mapping[str, Any]) -> str:
    """sha256 of the canonical JSON of ``document``: key order and white space do not matter.

    Raises:
        ValueError: NaN or infinity, which have no JSON form.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256_hex(text)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return canonical(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    value = to_jsonable_python(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 1 and 1.0 are one number, as in RFC 8785
    return value
