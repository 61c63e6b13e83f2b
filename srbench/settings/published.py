"""``suite.schema.json``: the JSON Schema of a suite file, published in the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from srbench.settings.describe import TOP, suite_keys
from srbench.settings.suite import Suite

SCHEMA_PATH = Path(__file__).with_name("suite.schema.json")


def suite_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a suite, for editors that check TOML as it is typed.

    Rules that span several keys (a reference that is a label of the suite, a patch size that is a
    multiple of the scale) are checked by :func:`srbench.settings.load_suite` alone.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Suite.model_json_schema(by_alias=True, mode="validation"),
    }


def write_suite_schema(path: Path = SCHEMA_PATH) -> Path:
    """Write the schema anew; to be called after a change of :mod:`srbench.settings`."""
    text = json.dumps(suite_schema(), indent=1, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def suite_tables() -> str:
    """Every key of a suite as Markdown tables, as they stand in ``docs/suites.md``."""
    lines = []
    for section, keys in suite_keys().items():
        lines += ["", _heading(section), "", "| key | type | default | |", "|---|---|---|---|"]
        for key in keys:
            default = key.default if key.default in ("required", "left out") else f"`{key.default}`"
            lines.append(f"| `{key.name}` | {key.kind} | {default} | {key.meaning} |")
    return "\n".join(lines).strip("\n") + "\n"


def _heading(section: str) -> str:
    if section == TOP:
        return "### At the top"
    if section.startswith("loss"):
        return f"### `[[{section}]]`"
    field = Suite.model_fields[section]
    about = "" if field.is_required() else ", may be left out"
    return f"### `[{section}]`{about}"
