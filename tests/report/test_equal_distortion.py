"""The headline from records: curves with a closed form, read at the budgets, and shown."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console
from snippets import documented_snippets

from srbench.cli import cli
from srbench.errors import MixedRecords
from srbench.records import write_record
from srbench.records.io import validate_record
from srbench.report import (
    build_leaderboard,
    leaderboard_csv,
    print_leaderboard,
    print_summary,
)
from srbench.report.headline_table import headline_table, reading_rule
from srbench.report.place import leading_order, leading_place
from srbench.report.render.document import leaderboard_document
from srbench.report.render.latex import leading_latex
from srbench.report.render.markdown import leaderboard_markdown, leading_table
from srbench.report.text import meant

GAIN = {"vgg16-conv5_3": 0.06, "vgg16-relu2_2": 0.05, "alexnet": 0.04, "mobilenet": 0.03}
DEPTH = {"vgg16-random": 0.3, "mobilenet": 2.0}
POINTS = (0.5, 0.75)
OUTSIDE = {"pixel"}
FIRST, SECOND = "vgg16-conv5_3", "vgg16-relu2_2"


def gain(label: str, seed: int) -> float:
    return GAIN.get(label, 0.02) + 0.0002 * math.sin(37 * seed + 11 * len(label))


def depth(label: str) -> float:
    return DEPTH.get(label, 1.5)


def scored(start: dict, coefficient: float, label: str, seed: int) -> dict:
    """A data set's scores at a coefficient: PSNR falls as its square, LPIPS as itself."""
    change = {
        "psnr": -depth(label) * coefficient**2,
        "lpips": -gain(label, seed) * coefficient,
    }
    metrics = {}
    for name, by in change.items():
        metric = start["metrics"][name]
        per_image = {image: value + by for image, value in metric["per_image"].items()}
        mean = math.fsum(per_image.values()) / len(per_image)
        metrics[name] = {**metric, "per_image": per_image, "mean": mean}
    return {**start, "metrics": metrics}


@pytest.fixture(scope="module")
def curved(three_seeds):
    """The synthetic records with curves of known form, all seeds starting at their warm starts."""
    return with_curves(three_seeds)


def with_curves(three_seeds):
    documents = [json.loads(r.model_dump_json(by_alias=True)) for r in three_seeds]
    starts = {d["seed"]: d for d in documents if d["loss"]["label"] == "warm-start"}
    artifact = {"path": "x", "sha256": "0" * 64, "bytes": 1}
    for d in documents:
        label, seed = d["loss"]["label"], d["seed"]
        if not d["loss"]["terms"]:
            continue
        start = starts[seed]["scores"]
        d["artifacts"] = {"generator": artifact, "warm-start": artifact}
        for dataset, there in d["scores"].items():
            new = scored(start[dataset], 1.0, label, seed)["metrics"]
            there["metrics"] = {**there["metrics"], **new}
        d["curve"] = [
            {"coefficient": c, "scores": {n: scored(s, c, label, seed) for n, s in start.items()}}
            for c in POINTS
        ]
    return [validate_record(d) for d in documents]


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


def test_curves_stand_in_the_plane_with_a_band_over_seeds(curved, three_seeds):
    from srbench.report.figures.plane import plane

    board = build_leaderboard(curved)
    axes = (board.metric("psnr"), board.metric("lpips"))
    drawing = plane(board, "set14", axes)
    kinds = [part.kind.split()[0] for part in drawing.parts if hasattr(part, "points")]
    assert kinds.count("curve") == kinds.count("band") == len(GAIN) + 2
    bands = [p for p in drawing.parts if getattr(p, "kind", "").startswith("band")]
    assert all(len(band.points) == 2 * (len(POINTS) + 2) for band in bands)
    bare = plane(build_leaderboard(three_seeds), "set14", axes)
    assert not [p for p in bare.parts if getattr(p, "kind", "").startswith("band")]


def moved(records, label, by):
    """The records with the LPIPS of one row changed by so much."""
    documents = [json.loads(r.model_dump_json(by_alias=True)) for r in records]
    for document in documents:
        if document["loss"]["label"] == label:
            for scores in document["scores"].values():
                metric = scores["metrics"]["lpips"]
                metric["per_image"] = {i: v + by for i, v in metric["per_image"].items()}
                metric["mean"] = math.fsum(metric["per_image"].values()) / len(metric["per_image"])
    return [validate_record(document) for document in documents]


def test_a_reference_that_is_far_off_does_not_press_the_others_together(curved):
    from srbench.report.figures.plane import plane

    def drawn(records):
        board = build_leaderboard(records)
        drawing = plane(board, "set14", (board.metric("psnr"), board.metric("lpips")))
        said = [part.text for part in drawing.parts if hasattr(part, "text")]
        ys = {p.row: p.parts[-1].at[1] for p in drawing.parts if hasattr(p, "row")}
        return [text for text in said if "off the frame" in text], ys.pop("bicubic"), ys

    def lpips(records, label):
        return build_leaderboard(records).row(label).cells["set14", "lpips"].mean

    near = moved(curved, "bicubic", lpips(curved, "warm-start") - lpips(curved, "bicubic"))
    said, _, others = drawn(near)
    assert said == []
    far = moved(near, "bicubic", 1)
    said, bicubic, beside = drawn(far)
    psnr = build_leaderboard(far).row("bicubic").cells["set14", "psnr"].mean
    assert said == [f"bicubic: PSNR {psnr:.2f}, LPIPS {lpips(far, 'bicubic'):.4f}, off the frame"]
    assert bicubic == 30 < min(beside.values())  # at the upper edge
    assert beside == pytest.approx(others)
    # A control's curve goes to the edge, and its mark stands where it leaves.
    control = moved(near, "vgg16-random", 1)
    board = build_leaderboard(control)
    drawing = plane(board, "set14", (board.metric("psnr"), board.metric("lpips")))
    curves = [p.points for p in drawing.parts if getattr(p, "kind", "").startswith("curve")]
    (spot,) = [p.parts[-1].at for p in drawing.parts if getattr(p, "row", "") == "vgg16-random"]
    assert spot in [points[-1] for points in curves]
    assert spot[1] == pytest.approx(30)
    # What was trained is what the plane is about: it stays inside, wherever it lies.
    assert drawn(moved(near, FIRST, 1))[0] == []


def test_a_walk_ends_where_it_leaves_the_frame():
    from srbench.report.figures.drawing import Axis
    from srbench.report.figures.walks import Walk

    x, y = (Axis(low=0, high=1, start=0, end=100) for _ in range(2))
    there = Walk(middle=((0, 0), (2, 1), (3, 1)), low=((0, 0), (2, 0.5), (3, 0)),
                 high=((0, 0), (2, 2), (3, 3)))  # fmt: skip
    cut = there.within(x, y)
    assert cut.middle == ((0, 0), (1, 0.5))
    assert (cut.low, cut.high) == (((0, 0), (1, 0.25)), ((0, 0), (1, 1)))
    inside = Walk(middle=((0, 0), (1, 1)), low=((0, 0), (1, 1)), high=((0, 0), (1, 1)))
    assert inside.within(x, y) == inside


def test_where_no_row_reaches_the_budget_the_scores_rank_everywhere(three_seeds, monkeypatch):
    """A short suite: nothing says that it is ranked by what no row has."""
    monkeypatch.setitem(globals(), "depth", lambda label: 0.1)
    board = build_leaderboard(with_curves(three_seeds))
    assert board.headlines
    assert not any(headline.places for headline in board.headlines)
    assert board.leading is None
    ranks = {row.label: row.rank for row in board.rows}
    for row in board.rows:
        assert leading_place(board, row.label).rank == row.rank
    assert [entry.row.label for entry in leading_order(board, "set14")] == list(ranks)
    assert "none reaches LPIPS at -0.5 dB" in reading_rule(board)
    assert "rank" not in headline_table(board, board.headlines[0]).header
    stream = io.StringIO()
    print_summary(board, Console(file=stream, width=160))
    assert "at equal distortion" not in stream.getvalue()
    assert "-0.5 dB" not in leading_table(board)
    assert leading_latex(board).count(r"\begin{table}") == 1


def test_another_data_set_has_its_readings_and_no_rank(curved):
    board = build_leaderboard(curved)
    other = next(d for d in board.datasets if d != board.leading.dataset)
    stream = io.StringIO()
    print_summary(board, Console(file=stream, width=160), datasets=[other])
    text = stream.getvalue()
    assert f"{other}; LPIPS at -0.5 dB is at equal distortion and ranks nothing here" in text
    headline = next(h for h in board.headlines if (h.dataset, h.metric) == (other, "lpips"))
    first = next(line.split() for line in text.splitlines() if FIRST in line)
    assert first[:2] == [
        FIRST,
        board.metric("lpips").number(headline.readings(FIRST)[1].values.mean()),
    ]
    assert board.lead_dataset() == board.leading.dataset


def test_the_csv_has_what_was_read_at_each_budget(curved, three_seeds):
    board = build_leaderboard(curved)
    lines = list(csv.DictReader(io.StringIO(leaderboard_csv(board))))
    headline = board.headlines[0]
    names = [f"{headline.metric}_at_{budget}_db" for budget in ("-0.25", "-0.5", "-1")]
    assert [name for name in lines[0] if name.startswith(f"{headline.metric}_at_")] == names
    seen = 0
    for line in lines:
        if line["dataset"] != headline.dataset or line["label"] not in headline.curves:
            continue
        for name, reading in zip(names, headline.readings(line["label"]), strict=True):
            wanted = float(reading.values.mean()) if reading.reached else None
            assert (float(line[name]) if line[name] else None) == (wanted and meant(wanted))
            seen += reading.reached
    assert seen > 5
    assert [line[names[1]] for line in lines if line["label"] == "bicubic"] == ["", ""]
    assert "_at_" not in leaderboard_csv(build_leaderboard(three_seeds)).partition("\n")[0]


def test_a_gain_that_is_nowhere_is_no_column(curved):
    board = build_leaderboard(curved)
    headline = board.headlines[0]
    assert any("mean gain" in name for name in headline_table(board, headline).header)
    nothing = {label: 0 * areas + 1e-6 for label, areas in headline.gains.items()}
    bare = headline_table(board, dataclasses.replace(headline, gains=nothing))
    assert not any("mean gain" in name for name in bare.header)
    assert {len(line) for line in bare.lines} == {len(bare.header)}


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
