"""The published leaderboard in a real browser: at no width is anything cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium, needs_chromium

from srbench.report.render.site import publish

pytestmark = [pytest.mark.slow, needs_chromium]
PUBLISHED = Path(__file__).parents[3] / "leaderboard"
ALL_SETS = "document.querySelectorAll('.dataset').forEach(part => { part.hidden = false; })"
TOO_WIDE = """[...document.querySelectorAll('.scroll')]
    .map(box => [box.innerText.slice(0, 40), box.scrollWidth, box.clientWidth])
    .filter(([_, wide, seen]) => wide > seen)"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "leaderboard"
    folder.mkdir()
    for name in ("STUDY.md", "README.md", "verification.json"):
        shutil.copy(PUBLISHED / name, folder)
    publish([PUBLISHED], folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def one_of_each(board: Path) -> list[Path]:
    """Every table, every page of text, and of each table a loss and an image of each data set."""
    tables = sorted(board.glob("**/index.html"))
    kinds = [sorted(table.glob("losses/*.html"))[:1] for table in board.glob("pretext-cpu-*")]
    kinds += [sorted(found.glob("*.html"))[:1] for found in board.glob("*/images/*")]
    texts = [*sorted(board.glob("pages/*.html")), *sorted(board.glob("*/*.html"))]
    return list(dict.fromkeys([*tables, *texts, *(page for pages in kinds for page in pages)]))


@pytest.mark.parametrize("width", [360, 800, 1300, 1920])
def test_nothing_is_cut_off(board: Path, browser: Any, width: int) -> None:
    """No page scrolls sideways; from 1300 px on no table does in its own box either."""
    pages = one_of_each(board)
    assert len(pages) > 20
    page = browser.new_page(viewport={"width": width, "height": 900})
    for file in pages:
        page.goto(file.as_uri())
        page.evaluate(ALL_SETS)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, file
        assert page.evaluate(TOO_WIDE) == [] or width < 1300, file
    page.close()
