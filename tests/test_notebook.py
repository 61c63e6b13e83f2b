"""The notebook's cells run in order, in an interpreter of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "first_steps.ipynb"


def cells() -> list[str]:
    document = json.loads(NOTEBOOK.read_text())
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    return ["".join(c["source"]) for c in document["cells"] if c["cell_type"] == "code"]


def test_it_is_committed_without_outputs() -> None:
    code = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code)


@pytest.mark.slow
@pytest.mark.network
def test_it_runs(tmp_path: Path) -> None:
    script = "\n".join(cells())
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "loss 0." in done.stdout
    assert "PSNR 2" in done.stdout
