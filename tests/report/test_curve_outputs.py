"""Curves in the plane, in the CSV, on the screen and in LaTeX."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math

import pytest
from curving import FIRST, GAIN, POINTS, with_curves
from rich.console import Console

from srbench.records.io import validate_record
from srbench.report import (
    build_leaderboard,
    leaderboard_csv,
    print_summary,
)
from srbench.report.headline_table import headline_table, reading_rule
from srbench.report.place import leading_order, leading_place
from srbench.report.render.latex import leading_latex
from srbench.report.render.markdown import leading_table
from srbench.report.text import meant


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


def test_where_no_row_reaches_the_budget_the_scores_rank_everywhere(three_seeds):
    """A short suite: nothing says that it is ranked by what no row has."""
    board = build_leaderboard(with_curves(three_seeds, depth=lambda label: 0.1))
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
