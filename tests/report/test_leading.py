"""What leads the published study leads it everywhere: screen, badge, the rows' pages, LaTeX."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from srbench.report import build_leaderboard, load_records, split_by_table
from srbench.report.headline_table import headline_table
from srbench.report.model import Headline, Leaderboard
from srbench.report.place import leading_place
from srbench.report.render.latex import leading_latex
from srbench.report.render.site.cite import badge

PUBLISHED = Path(__file__).parents[2] / "leaderboard"


@pytest.fixture(scope="module")
def boards() -> dict[int, Leaderboard]:
    """The published tables by the suite's version."""
    groups = split_by_table(load_records([PUBLISHED])).values()
    return {group[0].suite.version: build_leaderboard(group) for group in groups}


@pytest.fixture
def study(boards: dict[int, Leaderboard]) -> Leaderboard:
    return boards[3]


@pytest.fixture
def headline(study: Leaderboard) -> Headline:
    (found,) = (h for h in study.headlines if h.primary)
    return found


def test_a_row_has_the_place_of_the_headline(study: Leaderboard, headline: Headline) -> None:
    assert any(headline.places.get(row.label) != row.rank for row in study.rows)
    for row in study.rows:
        place = leading_place(study, row.label)
        assert (place.rank, place.of) == (headline.places.get(row.label), len(headline.places))
        message = json.loads(badge(study, row))["message"]
        said = "not ranked" if place.rank is None else f"rank {place.rank:g} of {place.of}"
        assert message == f"{row.label}: {said} by LPIPS at -0.5 dB on bsdt20"


def test_without_curves_the_scores_rank(boards: dict[int, Leaderboard]) -> None:
    old = boards[1]
    assert not old.headlines
    for row in old.rows:
        place = leading_place(old, row.label)
        assert (place.rank, place.of) == (row.rank, sum(r.rank is not None for r in old.rows))
        assert place.by.startswith("mean LPIPS rank on ")
    (table,) = leading_latex(old).split(r"\end{table}")[:-1]
    assert "at one strength" not in table
    assert "Rank: mean LPIPS rank on" in table


def cells(table: str) -> list[list[str]]:
    """The rows of one table of LaTeX, as plain text, letters behind their score."""
    body = table.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    text = re.sub(r"\\textbf\{([^}]*)\}", r"\1", body)
    text = re.sub(r"\\textsuperscript\{([^}]*)\}", r" \1", text).replace(r"\_", "_")
    return [line.removesuffix(r" \\").split(" & ") for line in text.strip().splitlines()]


def test_latex_begins_with_the_headline(study: Leaderboard, headline: Headline) -> None:
    first, second = leading_latex(study).split(r"\end{table}")[:-1]
    wanted = [list(line[:5]) for line in headline_table(study, headline).lines]
    assert cells(first) == wanted
    assert "at equal distortion" in first.lower()
    bold = set(re.findall(r"\\textbf\{(.*?)\}\\textsuperscript\{(.*?)\}", first))
    assert {letters for _, letters in bold} == {"a", "ab", "abc"}
    assert "at one strength. Rows differ in distortion here." in second
    assert [line[0] for line in cells(second)][: len(wanted)] == [line[1] for line in wanted]
    assert len(cells(second)) == len(study.rows)
    explained = set(re.findall(r"\b([A-Z]): ", second.partition(r"\begin{tabular}")[0]))
    flagged = re.findall(r"textsuperscript\{([A-Z]+)\}", second)
    assert explained == set("".join(flagged))
