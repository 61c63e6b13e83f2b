"""Pages of text, how rows are cited, and the table for a paper."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from PIL import Image
from synthetic import synthetic_records

from srbench.report import build_leaderboard
from srbench.report.render.latex import leading_latex
from srbench.report.render.site import publish
from srbench.report.render.site.cite import badge, row_bibtex, table_bibtex
from srbench.report.render.site.prose import anchor, prose
from srbench.report.render.site.readme import head_for_space

STUDY = """# A study

It <script>alert(1)</script> links to [the web](https://arxiv.org/abs/1409.1556),
[the table](leaderboard.csv),
[this page's end](#the-end-of-it), [nowhere](../secret.md) and [a script](javascript:alert(1)).
<!-- a comment -->

![of the site](leaderboard.csv) ![of another](https://evil.example/x.png)

| a | b |
|---|---|
| 1 | 2 |

## The end, of it
"""


def test_markdown_becomes_a_page_that_asks_nobody_for_anything() -> None:
    page = prose(STUDY, {"leaderboard.csv"}, "../")
    assert "<script" not in page
    assert "a comment" not in page
    assert re.findall(r'href="([^"]*)"', page) == [
        "https://arxiv.org/abs/1409.1556", "../leaderboard.csv", "#the-end-of-it",
    ]  # fmt: skip
    assert re.findall(r'src="([^"]*)"', page) == ["../leaderboard.csv"]
    assert 'id="the-end-of-it"' in page
    assert "nowhere and" in page.replace("\n", " ")
    assert page.count("<table>") == page.count('role="region"') == 1


@pytest.mark.parametrize(
    ("heading", "name"),
    [("What the data say", "what-the-data-say"), ("A, b: c-d?", "a-b-c-d"), ("SR & HR", "sr--hr")],
)
def test_headings_are_named_as_on_github(heading: str, name: str) -> None:
    assert anchor(heading) == name


def test_the_site_has_them(out_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "to"
    root.mkdir()
    (root / "STUDY.md").write_text(STUDY)
    (root / "README.md").write_text("# Table\n\nSee [the study](STUDY.md).\n\n## Submit a row\n")
    for _ in range(2):
        publish([out_folder], root, images=0)
        about, study = (root / f"pages/{name}.html" for name in ("about", "study"))
        assert '<a href="../pages/study.html">the study</a>' in about.read_text()
        assert "<h1" in study.read_text()
        index = (root / "index.html").read_text()
        for name, page in (("Study", "study"), ("Submit", "about")):
            assert f'<a href="pages/{page}.html">{name}</a>' in index
    (root / "STUDY.md").unlink()
    publish([out_folder], root, images=0)
    assert not study.exists()


def test_a_text_shows_the_pictures_that_lie_beside_it(out_folder: Path, tmp_path: Path) -> None:
    """And no others: what a link leads to is somebody else's."""
    Image.new("RGB", (8, 8)).save(tmp_path / "mine.webp")
    root = tmp_path / "to"
    root.mkdir()
    (root / "there.webp").write_bytes((tmp_path / "mine.webp").read_bytes())
    (root / "link.webp").symlink_to(tmp_path / "mine.webp")
    (root / "STUDY.md").write_text("![a](there.webp) ![b](gone.webp) ![c](link.webp)")
    for _ in range(2):
        publish([out_folder], root, images=0)
        page = (root / "pages/study.html").read_text()
        assert re.findall(r'<img[^>]*src="([^"]*)"', page) == ["../there.webp"]
        assert (root / "there.webp").exists()


def test_bibtex_has_balanced_braces_whatever_a_row_is_called() -> None:
    records = synthetic_records(seeds=[1], datasets=["bsd100"], images=3)
    for record in records:
        object.__setattr__(record.loss, "label", record.loss.label + r"}_\input{x}")
    board = build_leaderboard(records)
    for text in (table_bibtex(board), *(row_bibtex(board, row) for row in board.rows)):
        assert text.startswith("@misc{srbench-synthetic-v")
        assert text.count("{") == text.count("}")
        assert r"\input" not in text
    ranked = [row for row in board.rows if row.rank is not None]
    shown = json.loads(badge(board, ranked[0]))
    assert shown["schemaVersion"] == 1
    assert f"rank {ranked[0].rank:g} of {len(ranked)} by LPIPS" in shown["message"]


def test_latex_has_every_row_of_the_leading_data_set() -> None:
    board = build_leaderboard(synthetic_records(seeds=[1, 2, 3], datasets=["bsd100"], images=3))
    text = leading_latex(board)
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(lines) == len(board.rows) + 1
    assert {line.count(" & ") for line in lines} == {len(board.metrics) + 1}
    row = board.rows[0]
    metric = board.metrics[0]
    assert metric.number(row.cells["bsd100", metric.name].mean) in lines[1]
    assert not re.search(r"(?<!\\)[%#_]", text)


def test_a_space_has_its_header_and_the_page_has_none(out_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "to"
    root.mkdir()
    (root / "README.md").write_text("# Table\n\nWords.\n")
    for _ in range(2):
        head_for_space(root)
    text = (root / "README.md").read_text()
    assert text.startswith("---\ntitle: ")
    header = yaml.safe_load(text.split("---\n")[1])
    assert (header["sdk"], header["app_file"]) == ("static", "index.html")
    assert text.count("sdk: static") == 1
    publish([out_folder], root, images=0)
    page = (root / "pages/about.html").read_text()
    assert "Words." in page
    assert "app_file" not in page
