"""From votes to findings, the file of votes, merging, and agreement with metrics; without torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from voting import TRUTH, laboratory_votes, paper_study

from srbench.cli import cli
from srbench.errors import UserError
from srbench.records.votes import merge_votes, parse_votes, read_votes, votes_csv
from srbench.study.agreement import agree
from srbench.study.analysis import analyse, krippendorff_alpha


@pytest.mark.parametrize("design", ["pairs", "acr"])
def test_the_known_order_comes_out(design: str) -> None:
    votes = laboratory_votes(paper_study(design, trials=36), 30, careless=0.1)
    found = analyse(votes)
    assert [row.label for row in found.rows] == list(TRUTH)
    assert found.kept <= 28
    assert {r.name for r in found.raters if r.why_not} >= {"0a1b2c3d-28", "0a1b2c3d-30"} - {
        r.name for r in found.raters if not r.why_not
    }
    level = 3.0 if design == "acr" else 0.0
    inside = [row.low <= level + TRUTH[row.label] <= row.high for row in found.rows]
    assert sum(inside) >= 3
    assert found.rows[0].group == "a"
    assert found.rows[-1].group not in ("a", "ab")
    assert 0.0 < (found.alpha or 0.0) < 1.0


def test_krippendorff_s_alpha_by_hand() -> None:
    """Two raters, five questions, one disagreement: 1 - (10 - 1) * 2 / (2 * 4 * 6) (nominal)."""
    votes = laboratory_votes(paper_study(images=5, trials=5, repeats=0), 2)
    mains = [vote for vote in votes if vote.kind == "main"][:1]
    made = []
    for rater, answers in (("0a1b2c3d-1", "ababb"), ("0a1b2c3d-2", "ababa")):
        for index, answer in enumerate(answers):
            first = answer == "a"
            made.append(
                mains[0].but(
                    rater=rater, content=f"c{index}", first="alpha", second="beta",
                    answer="first" if first else "second",
                )
            )  # fmt: skip
    a, b, total, mixed = 5, 5, 10, 2
    expected = 1 - (total - 1) * mixed / (2 * a * b)
    assert krippendorff_alpha(made, "pairs") == pytest.approx(expected)


def test_the_file_alone_gives_the_same(tmp_path: Path) -> None:
    votes = laboratory_votes(paper_study(), 12)
    path = tmp_path / "votes.csv"
    path.write_text(votes_csv(votes))
    assert read_votes(path) == votes
    done = CliRunner().invoke(cli, ["study", "analyse", str(path), "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    direct = analyse(votes)
    assert [row["label"] for row in document["rows"]] == [row.label for row in direct.rows]
    assert document["rows"][0]["score"] == pytest.approx(direct.rows[0].score)
    shown = CliRunner().invoke(cli, ["study", "analyse", str(path)])
    assert "alpha" in shown.output
    assert f"{direct.votes:,} votes" in shown.output


def test_laboratories_are_merged(tmp_path: Path) -> None:
    study = paper_study()
    here = laboratory_votes(study, 8)
    there = laboratory_votes(study, 6, laboratory="ffffffff")
    for name, votes in (("here", here), ("there", there)):
        (tmp_path / f"{name}.csv").write_text(votes_csv(votes))
    files = [str(tmp_path / f"{name}.csv") for name in ("here", "there", "here")]
    done = CliRunner().invoke(cli, ["study", "merge", *files, "--to", str(tmp_path / "all.csv")])
    assert done.exit_code == 0, done.output
    merged = read_votes(tmp_path / "all.csv")
    assert len(merged) == len(here) + len(there)  # a file that is given twice counts once
    assert sum(rater.votes for rater in analyse(merged).raters) == 14 * 40


def test_what_cannot_be_merged() -> None:
    votes = laboratory_votes(paper_study(), 2)
    other = [vote.but(study="f" * 64, rater="ffffffff-1") for vote in votes[:3]]
    with pytest.raises(UserError, match="one study"):
        merge_votes([votes, other])
    turned = {"first": "second", "second": "first"}
    with pytest.raises(UserError, match="two answers"):
        merge_votes([votes, [votes[0].but(answer=turned[votes[0].answer])]])


@pytest.mark.parametrize(
    ("old", "new"),
    [("0a1b2c3d-1", "Jane Doe"), (",main,", ",best,"), (",3000,", ",-1,"), ("study,", "other,")],
)
def test_a_damaged_file_is_refused(old: str, new: str) -> None:
    text = votes_csv(laboratory_votes(paper_study(), 1))
    with pytest.raises(UserError, match=r"votes\.csv"):
        parse_votes(text.replace(old, new, 1), "votes.csv")


def test_no_vote_is_no_result() -> None:
    with pytest.raises(UserError, match="got none"):
        analyse([])
    with pytest.raises(UserError, match="two or more rows"):
        analyse(laboratory_votes(paper_study(), 3, careless=1.0))


@pytest.mark.parametrize("design", ["pairs", "acr"])
def test_metrics_against_these_raters(design: str) -> None:
    """A metric that knows the truth agrees as far as people do; one turned round, the contrary."""
    study = paper_study(design, images=20)
    found = analyse(laboratory_votes(study, 25))
    generator = np.random.default_rng(4)
    scores = {
        (label, place.name): -value + 0.5 * generator.normal()
        for place in study.contents
        for label, value in TRUTH.items()
    }
    chosen, ordered = agree(scores, found, lower_is_better=True)
    assert 0.55 < chosen.accuracy.value <= chosen.ceiling
    assert chosen.accuracy.low < chosen.accuracy.value < chosen.accuracy.high
    assert chosen.references == 20
    assert ordered.srcc is not None
    assert ordered.srcc.value > 0.4
    turned, back = agree(scores, found, lower_is_better=False)
    assert turned.accuracy.value == pytest.approx(1 - chosen.accuracy.value)
    assert back.srcc is not None
    assert back.srcc.value == pytest.approx(-ordered.srcc.value)
    if design == "pairs":
        bins = chosen.by_gap
        assert len(bins) >= 2
        assert bins[-1].accuracy.value > bins[0].accuracy.value  # wider gaps are surer


def test_withdrawn_or_absent_raters_change_nothing_else() -> None:
    votes = laboratory_votes(paper_study(), 10)
    fewer = [vote for vote in votes if vote.rater != "0a1b2c3d-4"]
    raters = {r.name: r for r in analyse(votes).raters}
    for rater in analyse(fewer).raters:
        assert rater == replace(raters[rater.name])
