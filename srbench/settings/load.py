"""Finding, reading and overriding suite files. They are hostile input: limits before parsing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from srbench.errors import SuiteError, unknown_name
from srbench.settings.suite import Suite
from srbench.settings.toml_text import line_numbers, read_value
from srbench.strict import check_bounds

MAX_BYTES = 1 << 20
_MANY_PARTS = re.compile(r"(?<![^\s.=\[\]])(?:[^\s.=\[\]]++[ \t]*+\.[ \t]*+){32}")
"""A dotted key that no suite has; the parser's time grows with the square of its parts."""
MISTAKES = 5
"""Of a suite that are told at once."""

HELP = "`srbench suites keys` lists every key with its type and default"


def suite_folders() -> tuple[Path, ...]:
    """Where a bare suite name is looked up: ``./benchmarks``, then the ones srbench ships."""
    package = Path(__file__).resolve().parent.parent
    return (Path("benchmarks"), package / "benchmarks", package.parent / "benchmarks")


@cache
def installed_suite(name: str, version: int | None = None) -> Suite | None:
    """The suite of that name among those that srbench ships, or in ``./benchmarks``.

    Args:
        name: without a path.
        version: one that has published rows: the present one, or ``past/NAME-VERSION.toml``.
            Default the present one.
    """
    path = known_suites().get(name)
    suite = None if path is None else load_suite(str(path))
    if path is None or suite is None or version in (None, suite.version):
        return suite
    past = path.parent / "past" / f"{name}-{version}.toml"
    return load_suite(str(past)) if past.is_file() else None


def known_suites() -> dict[str, Path]:
    """Name -> file of every suite that a bare name finds."""
    known: dict[str, Path] = {}
    for folder in suite_folders():
        for file in sorted(folder.glob("*.toml")):
            known.setdefault(file.stem, file)
    return known


def suite_path(name_or_path: str) -> Path:
    """The file of a suite given by path, or by the name of a file in ``benchmarks/``.

    Raises:
        SuiteError: there is no such file; the nearest names are given.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or "/" in name_or_path:
        if not path.is_file():
            raise SuiteError(
                f"expected a suite file, found none at {name_or_path!r}",
                "give a path to a .toml file or the name of a suite in benchmarks/",
            )
        return path
    known = known_suites()
    if name_or_path not in known:
        raise unknown_name("suite", name_or_path, known, "or give the path of a .toml file")
    return known[name_or_path]


def is_published(name_or_path: str) -> bool:
    """Whether that is one of the suites in ``benchmarks/``, whose tables are published."""
    folders = {folder.resolve() for folder in suite_folders()}
    return suite_path(name_or_path).resolve().parent in folders


def load_suite(name_or_path: str, overrides: Iterable[str] = ()) -> Suite:
    """Read, override and validate a suite.

    Args:
        name_or_path: as for :func:`suite_path`.
        overrides: ``KEY=VALUE`` pairs, dotted keys, TOML values (``data.batch_size=8``).

    Raises:
        SuiteError: with the key, what was expected there and what came.
    """
    path = suite_path(name_or_path)
    if path.stat().st_size > MAX_BYTES:
        raise SuiteError(f"expected a suite file of at most {MAX_BYTES} bytes, got {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors write a mark
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"expected a readable UTF-8 suite file, got {path}: {error}") from error
    return parse_suite(text, str(path), overrides)


def renamed_suite(name_or_path: str, name: str) -> str:
    """The text of a suite under another name, version 1.

    Raises:
        SuiteError: there is no such suite, or the name does not fit.
    """
    load_suite(name_or_path)
    text = suite_path(name_or_path).read_text(encoding="utf-8-sig")
    for key, value in (("name", f'"{name}"'), ("version", "1")):
        entry = re.search(rf"(?m)^{key}\s*=.*$", text)
        assert entry is not None  # it was loaded
        text = f"{text[: entry.start()]}{key} = {value}{text[entry.end() :]}"
    parse_suite(text, f"a suite called {name!r}")
    return text


def parse_suite(text: str, origin: str = "suite", overrides: Iterable[str] = ()) -> Suite:
    """A suite from TOML text. ``origin`` is named in errors, with the line of each mistake."""
    try:
        if _MANY_PARTS.search(text):
            raise ValueError("a key of more than 32 parts")
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits is a ValueError
        raise SuiteError(f"{origin}: expected TOML, got: {error}", HELP) from error
    return validate_suite(apply_overrides(document, overrides), origin, text)


def validate_suite(document: dict[str, Any], origin: str = "suite", text: str = "") -> Suite:
    """A suite from a plain document, as TOML or a record holds it; ``text`` is that of its file."""
    try:
        check_bounds(document)
    except ValueError as error:
        raise SuiteError(
            f"{origin}: expected a suite, got {error}", "see docs/suites.md"
        ) from error
    try:
        return Suite.model_validate(document)
    except ValidationError as error:
        raise SuiteError(f"{origin}: {_explain(error, text)}", HELP) from error


def apply_overrides(document: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A copy of ``document`` with ``KEY=VALUE`` pairs applied (``--set``)."""
    result: dict[str, Any] = _copy(document)
    for pair in overrides:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise SuiteError(
                f"expected --set KEY=VALUE, got {pair!r}", "example: --set data.batch_size=8"
            )
        *parents, leaf = key.strip().split(".")
        section = result
        for parent in parents:
            section = section.setdefault(parent, {})
            if not isinstance(section, dict):
                raise SuiteError(f"--set {pair!r}: {parent!r} is not a section")
        section[leaf] = read_value(value)
    return result


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_copy(v) for v in value]
    return value


def _explain(error: ValidationError, text: str) -> str:
    places = line_numbers(text)
    mistakes = error.errors()
    told = [f"{_line(places, item)}{_mistake(item)}" for item in mistakes[:MISTAKES]]
    more = len(mistakes) - MISTAKES
    return "; ".join([*told, *([f"and {more} more"] if more > 0 else [])])


def _mistake(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"]) or "suite"
    if item["type"] == "extra_forbidden":
        return _unknown_key(item["loc"])
    if item["type"] == "missing":
        return f"{place}: expected a value, got none"
    if item["type"] == "value_error":
        return f"{place}: {item['ctx']['error']}"
    return f"{place}: {item['msg']}, got {item['input']!r:.80}"


def _line(places: Mapping[tuple[str | int, ...], int], item: Any) -> str:
    """``line 12, ``: of the key, or of the section that lacks it."""
    where = item["loc"]
    for end in range(len(where), 0, -1):
        if where[:end] in places:
            return f"line {places[where[:end]]}, "
    return ""


def _unknown_key(location: tuple[int | str, ...]) -> str:
    import difflib

    *parents, leaf = location
    model: Any = Suite
    for part in parents:
        if isinstance(part, int):
            continue
        field = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        model = None if field is None else _model_of(field.annotation)
        if model is None:
            break
    keys = [] if model is None else [f.alias or n for n, f in model.model_fields.items()]
    near = difflib.get_close_matches(str(leaf), keys, n=1)
    hint = (
        f"; did you mean {near[0]!r}?" if near else (f"; known: {', '.join(keys)}" if keys else "")
    )
    where = ".".join(str(p) for p in parents) or "the suite"
    return f"{where}: expected a known key, got {str(leaf)!r}{hint}"


def _model_of(annotation: Any) -> Any:
    from typing import get_args

    if hasattr(annotation, "model_fields"):
        return annotation
    for argument in get_args(annotation):
        found = _model_of(argument)
        if found is not None:
            return found
    return None
