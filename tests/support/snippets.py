"""The lines of docs/records.md that recompute a table, run as a reader would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parents[2] / "docs" / "records.md"


def documented_snippets(out: Path, *, blocks: int | None = None) -> dict[str, Any]:
    """What the names in ``[:blocks]`` of the snippets stand for, ``OUT`` being a run's folder."""
    found = re.findall(r"```python\n(.*?)```", RECORDS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) >= 9
    names: dict[str, Any] = {"OUT": str(out)}
    for block in found[:blocks]:
        exec(compile(block, str(RECORDS), "exec"), names)
    return names
