"""Out folders of synthetic records with small real photographs, and the sites made from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictured import make_out

from srbench.report.render.site import publish


@pytest.fixture(scope="session")
def out_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_out(tmp_path_factory.mktemp("published") / "out")


@pytest.fixture(scope="session")
def site(out_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published") / "leaderboard"
    publish([out_folder], root, images=3)
    return root
