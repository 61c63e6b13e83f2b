"""A suite document as TOML, so that the file a row was made with can be run again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f"}


def toml_text(document: Mapping[str, Any]) -> str:
    """``document`` as TOML 1.0: tables as sections, ``None`` left out (TOML has none).

    Raises:
        TypeError: a value that JSON could not hold either.
    """
    lines: list[str] = []
    _write_table(document, (), lines)
    return "\n".join(lines).strip("\n") + "\n"


def _write_table(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    sections = []
    for key, value in table.items():
        if isinstance(value, Mapping) or (_is_tables(value) and not path):
            sections.append((key, value))
        elif value is not None:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in sections:
        name = ".".join(_key(part) for part in (*path, key))
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]"]
            _write_table(value, (*path, key), lines)
        else:
            for item in value:
                lines += ["", f"[[{name}]]"]
                lines += [f"{_key(k)} = {_value(v)}" for k, v in item.items() if v is not None]


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value if item is not None) + "]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return "{ " + inner + " }" if inner else "{}"
    raise TypeError(f"TOML cannot hold a {type(value).__name__}")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    escaped = "".join(_ESCAPES.get(c, c) for c in text)
    # TOML has no surrogates, and control characters only as escapes.
    return '"' + "".join(_rare(c) for c in escaped) + '"'


def _rare(c: str) -> str:
    if 0xD800 <= ord(c) <= 0xDFFF:
        return "\\ufffd"
    return f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else c
