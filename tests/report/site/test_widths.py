"""The published leaderboard in a real browser: what leads, and that nothing is cut off."""

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
ALL_SETS = """document.querySelectorAll('.dataset').forEach(part => { part.hidden = false; });
    document.querySelectorAll('details').forEach(part => { part.open = true; })"""
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


def test_picture_and_headline_come_first_and_follow_the_filters(board: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto((board / "index.html").as_uri())
    heads = page.locator("main h2:visible").all_inner_texts()
    wanted = ["In short", "Perception against distortion", "At equal distortion"]
    assert [head for head in heads if head in wanted or head.startswith("Scores")] == [
        *wanted, "Scores at one strength",
    ]  # fmt: skip
    assert page.locator(".findings li").first.inner_text().startswith("bsdt20: ")

    def titles(kind: str) -> list[str]:
        return page.locator(f"details{kind}:visible summary").all_inner_texts()

    rows = page.locator("details[open]:visible tbody tr:visible")
    assert titles("[open]") == ["bsdt20: LPIPS at equal distortion"]
    assert titles(":not([open])") == ["bsdt20: grid at equal distortion (secondary)"]
    assert rows.first.get_attribute("data-row") == "craft-conv4_3"
    page.fill("#text-filter", "edges")
    assert rows.count() == 1
    page.fill("#text-filter", "")
    page.locator("#dataset-filter button", has_text="set5").click()
    assert titles("[open]") == ["set5: LPIPS at equal distortion (secondary)"]
    page.locator("details:visible summary", has_text="grid").click()
    assert len(titles("[open]")) == 2
    shown = rows.first.locator("td").all_inner_texts()
    rows.first.locator("a").click()
    page.wait_for_url("**/losses/vgg16-conv2_2.html")
    assert page.locator(".facts").inner_text().count("3 of 11, LPIPS at -0.5 dB on bsdt20") == 1
    read = page.locator("[aria-labelledby=distortion] tbody tr", has_text="set5").first
    assert read.locator("td").all_inner_texts() == ["LPIPS", *shown[:3]]
    page.close()
