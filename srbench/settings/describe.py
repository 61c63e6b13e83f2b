"""What can be set, for people: every key of a pydantic model with type, default and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from srbench.settings.suite import Suite
from srbench.settings.toml_text import toml_value

Schema = Mapping[str, Any]

_BOUNDS = {
    "minimum": "at least {}", "exclusiveMinimum": "above {}",
    "maximum": "at most {}", "exclusiveMaximum": "below {}",
}  # fmt: skip


TOP = "top"
"""What the keys that stand in no section are listed under."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One key that can be set.

    Attributes:
        kind: its type, with bounds and choices.
        default: as TOML; ``required``, or ``left out`` where that is what it means.
        meaning: its description; empty where the name says it.
    """

    name: str
    kind: str
    default: str
    meaning: str

    @property
    def default_words(self) -> str:
        """``required``, ``left out`` or ``default "l1"``."""
        words = ("required", "left out")
        return self.default if self.default in words else f"default {self.default}"


def describe(model: type[BaseModel]) -> tuple[Key, ...]:
    """The keys of ``model`` in the order in which it declares them."""
    schema = model.model_json_schema(by_alias=True)
    return tuple(_keys(schema, schema.get("$defs", {})))


def suite_keys() -> dict[str, tuple[Key, ...]]:
    """Section of a suite file -> its keys; :data:`TOP` first, ``loss`` is each ``[[loss]]``."""
    schema = Suite.model_json_schema(by_alias=True)
    parts = schema["$defs"]
    sections: dict[str, tuple[Key, ...]] = {}
    top = []
    for key in _keys(schema, parts):
        part = _section(schema["properties"][key.name], parts)
        if part is None:
            top.append(key)
        else:
            sections[key.name] = tuple(_keys(part, parts))
    return {TOP: tuple(top), **sections, "loss.sum": tuple(_keys(parts["LossTerm"], parts))}


def _keys(schema: Schema, parts: Schema) -> Iterator[Key]:
    required = schema.get("required", ())
    for name, told in schema["properties"].items():
        default = "required" if name in required else _default(told)
        yield Key(
            name=name, kind=_kind(told, parts), default=default, meaning=told.get("description", "")
        )


def _section(told: Schema, parts: Schema) -> Schema | None:
    """The model behind a key that is a section of the file, or an array of them."""
    for form in (told, told.get("items", {}), *told.get("anyOf", ())):
        if "$ref" in form:
            found: Schema = parts[form["$ref"].rpartition("/")[2]]
            return found
    return None


def _default(told: Schema) -> str:
    value = told.get("default")
    return "left out" if value in (None, {}) else toml_value(value)


def _kind(told: Schema, parts: Schema) -> str:
    forms = [form for form in told.get("anyOf", ()) if form.get("type") != "null"]
    if forms:
        return " or ".join(_kind(form, parts) for form in forms)
    if "$ref" in told:
        return "section"
    choices = [told["const"]] if "const" in told else told.get("enum")
    if choices:
        return " or ".join(toml_value(choice) for choice in choices)
    kind = str(told.get("type", "any value"))
    if kind == "array":
        return _list_kind(told, parts)
    if kind == "object":
        inner = told.get("additionalProperties", {})
        return (
            f"table of {_kind(inner, parts)}" if isinstance(inner, Mapping) and inner else "table"
        )
    bounds = [text.format(f"{told[name]:g}") for name, text in _BOUNDS.items() if name in told]
    return ", ".join([kind, *bounds])


def _list_kind(told: Schema, parts: Schema) -> str:
    if "prefixItems" in told:
        return f"list of {len(told['prefixItems'])}: {_kind(told['prefixItems'][0], parts)}"
    return f"list of {_kind(told.get('items', {}), parts)}"
