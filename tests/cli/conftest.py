"""The command line as a user drives it: real processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """``cli("run", "quick")`` in an empty working folder; returns the finished process."""
    folder = tmp_path / "cwd"
    folder.mkdir()

    def call(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from srbench.cli import main; main()", *args],
            cwd=folder,
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return call
