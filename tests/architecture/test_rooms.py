"""docs/architecture.md names what is there, and what it says of imports is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_module_and_test_that_it_names_exists() -> None:
    names = re.findall(r"`((?:app|api|cli|records|run|settings|train|tests)/[\w/.]+)`", TEXT)
    assert len(names) > 15
    for name in names:
        base = ROOT if name.startswith("tests/") else ROOT / "srbench"
        assert any((base / f"{name}{suffix}").exists() for suffix in ("", ".py")), name


def test_every_room_is_in_the_picture() -> None:
    picture = TEXT.split("```")[1]
    rooms = {
        path.stem
        for path in (ROOT / "srbench").iterdir()
        if not path.name.startswith("_")
        and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    drawn = set(re.findall(r"[a-z_]+(?:/[a-z]+)?", picture))
    assert rooms - drawn <= {"lazy", "namesake"}


@pytest.mark.parametrize(
    "module",
    ["settings", "records", "run.plan.planning", "run.exec.scheduler", "app.prepare", "report"],
)
def test_what_needs_no_torch_imports_none(module: str) -> None:
    code = f"import sys, srbench.{module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
