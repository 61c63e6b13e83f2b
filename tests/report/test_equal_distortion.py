"""The headline from records: curves with a closed form, read at the budgets, and shown."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from curving import FIRST, GAIN, OUTSIDE, SECOND, depth, gain
from rich.console import Console
from snippets import documented_snippets

from srbench.cli import cli
from srbench.errors import MixedRecords
from srbench.records import write_record
from srbench.report import (
    build_leaderboard,
    print_leaderboard,
)
from srbench.report.headline_table import headline_table
from srbench.report.render.document import leaderboard_document
from srbench.report.render.markdown import leaderboard_markdown, leading_table


def warm(records, seed, dataset):
    (record,) = [r for r in records if r.loss.label == "warm-start" and r.seed == seed]
    return record.scores[dataset].metrics["lpips"].mean


def test_readings_have_their_closed_form(curved):
    board = build_leaderboard(curved)
    assert {(h.dataset, h.metric) for h in board.headlines} == {
        ("set14", "lpips"), ("bsd100", "lpips"),
    }  # fmt: skip
    for headline in board.headlines:
        for family in headline.families:
            for label in GAIN:
                walked = math.sqrt(-family.budget / depth(label))
                expected = [
                    warm(curved, seed, headline.dataset) - gain(label, seed) * walked
                    for seed in board.seeds
                ]
                assert family.readings[label].values == pytest.approx(expected, abs=1e-9)


def test_the_primary_family_ranks_and_tells_apart(curved):
    board = build_leaderboard(curved)
    first, *others = board.headlines
    assert first.primary
    assert first.dataset == board.lead_dataset()
    assert [f.budget for f in first.families if f.primary] == [-0.5]
    assert not any(f.primary for h in others for f in h.families)
    assert all(not h.places for h in others)
    assert [label for label, _ in sorted(first.places.items(), key=lambda p: p[1])] == list(GAIN)
    primary = first.families[1]
    assert len(set(primary.groups.values())) == len(primary.groups)


def test_the_documented_snippet_recomputes_it(curved, tmp_path):
    for record in curved:
        write_record(record, tmp_path / "records")
    names = documented_snippets(tmp_path, blocks=-1)  # the last one is of another data set
    for headline in build_leaderboard(curved).headlines:
        for family in headline.families:
            found = names["headline"](headline.dataset, budget=family.budget, outside=OUTSIDE)
            assert sorted(found.index) == sorted(family.compared)
            for label in family.compared:
                read = family.readings[label].values
                assert found.loc[label].to_numpy() == pytest.approx(read, abs=1e-12)
            if family.primary:
                threshold, detectable = names["honest_difference"](found)
                assert threshold == pytest.approx(family.tukey.threshold, rel=1e-9)
                assert detectable == pytest.approx(family.tukey.detectable, rel=1e-6)


def test_what_is_not_reached_is_no_number(curved):
    board = build_leaderboard(curved)
    headline = board.headlines[0]
    reached = {f.budget: "vgg16-random" in f.compared for f in headline.families}
    assert reached == {-0.25: True, -0.5: False, -1.0: False}
    document = json.loads(json.dumps(leaderboard_document(board), allow_nan=False))
    family = document["headlines"][0]["families"][1]
    assert family["readings"]["vgg16-random"] == {
        "mean": None, "by_seed": [None, None, None], "content_scale": 1.0, "at_edge": False,
    }  # fmt: skip
    table = headline_table(board, headline)
    (line,) = [line for line in table.lines if "vgg16-random" in line]
    assert line[0] == "-"
    assert line[3:5] == ("not reached", "not reached")
    assert float(line[2].split()[0]) == pytest.approx(
        np.mean(headline.families[0].readings["vgg16-random"].values), abs=1e-3
    )


def test_rows_outside_the_family_are_shown_and_not_compared(curved):
    headline = build_leaderboard(curved).headlines[0]
    assert set(headline.others) == OUTSIDE
    assert all("pixel" not in family.compared for family in headline.families)


@pytest.mark.parametrize("without", ["a seed's curve", "a seed's warm start"])
def test_a_row_without_all_its_curves_has_no_reading(curved, without):
    def drop(record):
        if without == "a seed's warm start":
            return record.loss.label == "warm-start" and record.seed == 2
        return False

    records = [r for r in curved if not drop(r)]
    if without == "a seed's curve":
        records = [
            r.model_copy(update={"curve": ()}) if (r.loss.label, r.seed) == (FIRST, 2) else r
            for r in records
        ]
        headline = build_leaderboard(records).headlines[0]
        assert FIRST not in headline.curves
        assert SECOND in headline.curves
    else:
        assert build_leaderboard(records).headlines == ()


def test_every_form_shows_it_beside_the_table_at_one_strength(curved, three_seeds):
    board = build_leaderboard(curved)
    stream = io.StringIO()
    print_leaderboard(board, Console(file=stream, width=160))
    assert "LPIPS at -0.5 dB (primary)" in leaderboard_markdown(board)
    for text in (leaderboard_markdown(board), stream.getvalue()):
        assert "(primary)" in text  # in the terminal in a line of its own
        assert "not reached" in text
        assert "at one strength" in text
    leading = leading_table(board)
    assert "| rank | label | LPIPS at -0.25 dB | LPIPS at -0.5 dB (primary) |" in leading
    labels = [line.split(" | ")[1].replace("\\", "") for line in leading.splitlines()[4:8]]
    assert labels == list(GAIN)
    plain = build_leaderboard(three_seeds)
    assert plain.headlines == ()
    assert "equal distortion" not in leaderboard_markdown(plain) + leading_table(plain)


def test_of_two_copies_the_one_with_the_curve_counts(curved):
    bare = [r.model_copy(update={"curve": ()}) for r in curved]
    assert build_leaderboard([*bare, *curved]).headlines
    (one,) = [r for r in curved if (r.loss.label, r.seed) == (FIRST, 1)]
    other = one.model_copy(update={"curve": one.curve[:1]})
    with pytest.raises(MixedRecords, match="disagree"):
        build_leaderboard([*curved, other])


def broken(document, what):
    point = document["curve"][0]
    if what == "rising":
        document["curve"].reverse()
    elif what == "artifacts":
        del document["artifacts"]["warm-start"]
    elif what == "images":
        point["scores"]["set14"]["images"].pop()
        for metric in point["scores"]["set14"]["metrics"].values():
            metric["per_image"].popitem()
            metric["mean"] = math.fsum(metric["per_image"].values()) / len(metric["per_image"])
        point["scores"]["set14"]["sizes"] = {}
    else:
        point["coefficient"] = 1.0


@pytest.mark.parametrize("what", ["rising", "artifacts", "images", "coefficient"])
def test_a_curve_that_does_not_fit_its_record_is_refused(curved, edited, what):
    from srbench.errors import RecordError

    record = next(r for r in curved if r.curve)
    with pytest.raises(RecordError, match=what if what != "coefficient" else "less than 1"):
        edited([record], lambda document: broken(document, what))


def test_gain_and_chances_of_the_primary_family(curved):
    """Against the closed form: LPIPS falls as the root of the distance walked."""
    board = build_leaderboard(curved)
    first, *others = board.headlines
    shared = depth("vgg16-random")
    assert first.depth == pytest.approx(shared)
    for label in (*GAIN, "vgg16-random"):
        expected = [2 / 3 * gain(label, s) * math.sqrt(shared / depth(label)) for s in board.seeds]
        assert first.gains[label] == pytest.approx(expected, rel=2e-3)
    order = [first.families[1].compared.index(label) for label in GAIN]
    assert first.resampled.best[order].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert first.resampled.improvement[order][0, order].tolist() == [0.5, 1.0, 1.0, 1.0]
    assert all(headline.resampled is None for headline in others)
    table = headline_table(board, first)
    means = [r.scores["set14"].metrics["lpips"].mean for r in curved if r.loss.label == FIRST]
    these, sample = first.errors[FIRST]
    assert these == pytest.approx(np.std(means, ddof=1) / math.sqrt(3))
    assert sample > these
    assert any("for images like these" in note for note in table.notes)
    (line,) = [line for line in table.lines if SECOND in line]
    assert line[-2:] == ("0%", "67%")
    json.dumps(leaderboard_document(board), allow_nan=False)


def test_one_loss_at_several_strengths_is_named_where_it_is_told_apart(curved, edited):
    terms = next(r for r in curved if r.loss.label == FIRST).loss.model_dump(mode="json")["terms"]
    records = edited(
        curved, lambda d: d["loss"].update(terms=terms), lambda r: r.loss.label == SECOND
    )
    headline = build_leaderboard(records).headlines[0]
    assert headline.repeats == ((FIRST, SECOND),)
    notes = " ".join(headline_table(build_leaderboard(records), headline).notes)
    assert "another mix of content and adversarial loss" in notes
    assert build_leaderboard(curved).headlines[0].repeats == ()


def test_a_winner_is_named_at_equal_distortion_alone(curved, three_seeds):
    from srbench.report.finding import finding

    said = finding(build_leaderboard(curved), "set14")
    assert said.startswith("set14: at -0.5 dB from the warm start the best LPIPS is 0.")
    assert f"by {FIRST}. Told apart from every other row" in said
    said = finding(build_leaderboard(three_seeds), "set14")
    assert "at unequal distortion: none is called better" in said
    assert FIRST not in said


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("records", ["curved", "one_seed"])
def test_the_full_report_fits_a_terminal_and_breaks_no_name(request, tmp_path, records, width):
    for record in request.getfixturevalue(records):
        write_record(record, tmp_path / "records")
    done = CliRunner(env={"COLUMNS": str(width)}).invoke(cli, ["report", str(tmp_path), "--full"])
    lines = [line for line in done.stdout.splitlines() if line.startswith(" ")]  # of tables
    assert max(map(len, lines)) <= width
    words = {word for line in lines for word in line.split()}
    board = build_leaderboard(request.getfixturevalue(records))
    assert {row.label for row in board.rows} <= words
    assert {"iterations/s", "GFLOPs/step", "parameters", "label", "licence"} <= words
    assert ("(primary)" in words) == bool(board.headlines)
    assert "…" not in done.stdout
