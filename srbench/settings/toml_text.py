"""Settings as TOML: whole suites, and single values as a user types or reads them."""

from __future__ import annotations

import re
import tomllib
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


def read_value(text: str) -> Any:
    """The value that ``text`` is in TOML; a bare word is a string, as on every command line."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _write_table(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    sections = []
    for key, value in table.items():
        if isinstance(value, Mapping) or (_is_tables(value) and not path):
            sections.append((key, value))
        elif value is not None:
            lines.append(f"{_key(key)} = {toml_value(value)}")
    for key, value in sections:
        name = ".".join(_key(part) for part in (*path, key))
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]"]
            _write_table(value, (*path, key), lines)
        else:
            for item in value:
                lines += ["", f"[[{name}]]"]
                lines += [f"{_key(k)} = {toml_value(v)}" for k, v in item.items() if v is not None]


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def toml_value(value: Any) -> str:
    """One value on one line: ``"l1"``, ``[1, 2]``, ``{ tap = 1.0 }``.

    Raises:
        TypeError: a value that JSON could not hold either.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value if item is not None) + "]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {toml_value(v)}" for k, v in value.items() if v is not None)
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


_HEADER = re.compile(r"\s*\[(\[?)([^\[\]]+)\]\]?\s*(#.*)?$")
_ENTRY = re.compile(r"\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=")


def line_numbers(text: str) -> dict[tuple[str | int, ...], int]:
    """Path of a section or key in a TOML file -> its line, from 1: ``("loss", 0, "name")``.

    For messages: quoted keys and keys inside inline tables are not found.
    """
    places: dict[tuple[str | int, ...], int] = {}
    counts: dict[tuple[str | int, ...], int] = {}
    section: tuple[str | int, ...] = ()
    inside_string = False
    for number, line in enumerate(text.splitlines(), 1):
        if not inside_string:
            if header := _HEADER.match(line):
                section = _section(header.group(2), bool(header.group(1)), counts)
                places[section] = number
            elif entry := _ENTRY.match(line):
                places[section + _parts(entry.group(1))] = number
        inside_string ^= (line.count('"""') + line.count("'''")) % 2 == 1
    return places


def _section(
    name: str, repeated: bool, counts: dict[tuple[str | int, ...], int]
) -> tuple[str | int, ...]:
    """The path of a header, with the index of each array of tables that it lies in."""
    path: tuple[str | int, ...] = ()
    parts = _parts(name)
    for depth, part in enumerate(parts, 1):
        path += (part,)
        if repeated and depth == len(parts):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path += (counts[path],)
    return path


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in dotted.split("."))
