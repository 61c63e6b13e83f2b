"""Which test images get a comparison picture after a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from synthetic import synthetic_records

from srbench.app import pictures
from srbench.records.derived import Derived
from srbench.records.layout import OutFolder
from srbench.report import build_leaderboard
from srbench.report.render.site import choose_images


@pytest.fixture
def images(tmp_path: Path) -> OutFolder:
    out = OutFolder(tmp_path)
    names = [f"set14-{index:03d}" for index in range(14)]
    Derived(out.images("set14", "pixel-s1")).note("a generator", pixels=dict.fromkeys(names, ""))
    return out


def test_all_images_of_a_small_set_and_a_spread_of_a_larger_one(
    images: OutFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = build_leaderboard(synthetic_records())
    target = SimpleNamespace(dataset="set14", row="pixel-s1")
    assert len(pictures._image_names(images, target, board)) == 14
    monkeypatch.setattr(pictures, "MOST", 5)
    assert pictures._image_names(images, target, board) == choose_images(board, "set14", 5)


def test_a_set_without_scores_is_shown_too(
    images: OutFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = build_leaderboard(synthetic_records(datasets=["bsd100"]))
    monkeypatch.setattr(pictures, "MOST", 5)
    target = SimpleNamespace(dataset="set14", row="pixel-s1")
    assert len(pictures._image_names(images, target, board)) == 5
