from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def specimens():
    """The module ``check_specimens``: importable by name, so that fresh processes find it too."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    import check_specimens

    yield check_specimens
    sys.path.remove(folder)
