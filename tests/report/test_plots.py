"""Plots: the same bytes each time, all of them there, and safe from hostile strings."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from synthetic import relabelled, synthetic_records

from srbench.report import build_leaderboard, tidy_scores, write_plots
from srbench.report.figures.curves import training
from srbench.report.figures.differences import differences, image_differences
from srbench.report.figures.front import pareto_front
from srbench.report.figures.scales import scale_points
from srbench.report.render.matplotlib import file_name, write_comparison

LABELS = ("vgg16-conv5_3", "alexnet")


@pytest.fixture(scope="module")
def scaled():
    return build_leaderboard(
        synthetic_records(labels=LABELS, scales=(0.33, 1.0, 3.0), datasets=("set14",), images=5)
    )


@pytest.fixture(scope="module")
def written(scaled, tmp_path_factory):
    return write_plots(scaled, tmp_path_factory.mktemp("plots"))


def test_every_plot_is_written_as_svg_and_png(written):
    stems = {
        "plane-set14",
        "scales-set14",
        "critical-difference-set14",
        "images-set14",
        "agreement-set14",
        "validation-lpips",
        "validation-psnr",
        "training",
    }
    assert {p.name for p in written} == {f"{s}.{kind}" for s in stems for kind in ("svg", "png")}
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert min(image.size) > 300
                assert np.asarray(image.convert("L")).std() > 5
        else:
            ET.parse(path)


@pytest.mark.slow
def test_plots_are_the_same_bytes_each_time(scaled, written, tmp_path):
    again = write_plots(scaled, tmp_path)
    for first, second in zip(written, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_plane_labels_every_row(written, scaled):
    svg = next(p for p in written if p.name == "plane-set14.svg").read_text()
    for row in scaled.rows:
        if ("set14", "psnr") in row.cells:
            assert row.label in svg
    assert "t interval" in svg


def test_critical_difference_says_what_it_speaks_of(written):
    svg = next(p for p in written if p.name == "critical-difference-set14.svg").read_text()
    assert "these trained networks only" in svg


def test_hostile_labels_are_drawn_as_text_and_never_name_a_file(edited, tmp_path):
    bad = "$\\frac{$ <b>&[x]/../../etc"

    def change(document):
        document["scores"] = {"../set14": document["scores"]["set14"]}

    records = synthetic_records(labels=LABELS, datasets=("set14",), images=3)
    records = edited(records, change, lambda r: r.loss.label == "alexnet")
    board = build_leaderboard(relabelled(records, "alexnet", bad))
    paths = write_plots(board, tmp_path / "out")
    assert {p.parent for p in paths} == {tmp_path / "out" / "plots"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    for path in paths:
        if path.suffix == ".svg":
            ET.parse(path)


def test_short_logs_and_housekeeping_make_no_plot(one_seed, edited):
    def short(document):
        document["log"] = document["log"][:1]

    assert training(build_leaderboard(edited(one_seed, short))) is None

    def housekeeping(document):
        for point in document["log"]:
            point["scores"]["learning_rate"] = 1e-4

    drawing = training(build_leaderboard(edited(one_seed, housekeeping)))
    titles = {part.text for part in drawing.parts if getattr(part, "kind", "") == "name"}
    assert titles == {"content", "adversarial", "discriminator"}


def test_one_seed_suites_have_plots_too(one_seed, tmp_path):
    names = {p.name for p in write_plots(build_leaderboard(one_seed), tmp_path)}
    assert "plane-photos-test.png" in names
    assert "scales-photos-test.png" not in names


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_front_is_what_nothing_dominates(points):
    front = [points[i] for i in pareto_front(points, lower=(False, True))]

    def dominated(p):
        return any(q != p and q[0] >= p[0] and q[1] <= p[1] for q in points)

    assert set(front) == {p for p in points if not dominated(p)}
    assert len(set(front)) == len(front)


def test_scale_curve_is_the_mean_over_seeds(scaled):
    points = dict(scale_points(scaled, scaled.row("alexnet"), "set14", ("psnr", "lpips")))
    frame = tidy_scores(scaled.records).query("label == 'alexnet' and metric == 'psnr'")
    means = frame.groupby("scale")["score"].mean()
    assert {s: x for s, (x, _) in points.items()} == pytest.approx(dict(means))


def test_image_differences_are_paired_by_seed_and_image(three_seeds):
    board = build_leaderboard(three_seeds)
    names, table = image_differences(board, "alexnet", "mobilenet", dataset="set14", metric="lpips")
    assert table.shape == (14, 3)
    scores = {
        (r.loss.label, r.seed): r.scores["set14"].metrics
        for r in three_seeds
        if r.loss.label in ("alexnet", "mobilenet")
    }
    value = (
        scores["alexnet", 2]["lpips"].per_image[names[4]]
        - scores["mobilenet", 2]["lpips"].per_image[names[4]]
    )
    assert table[4, 1] == value
    difference = board.row("alexnet").cells["set14", "lpips"].mean
    difference -= board.row("mobilenet").cells["set14", "lpips"].mean
    assert table.mean() == pytest.approx(difference)


@pytest.mark.parametrize("metric", ["psnr", "lpips"])
def test_equal_images_are_no_wins(three_seeds, metric):
    board = build_leaderboard(three_seeds)
    title = differences(board, "pixel", "pixel", dataset="set14", metric=metric).title
    assert "better on 0 of 14 images, pixel on 0" in title


@pytest.mark.parametrize("metric", ["psnr", "lpips"])
def test_wins_follow_the_direction_of_the_metric(three_seeds, metric):
    board = build_leaderboard(three_seeds)
    title = differences(board, "bicubic", "hr", dataset="set14", metric="niqe").title
    assert "bicubic is better on 0 of 14 images, hr on 14" in title
    title = differences(board, "pixel", "mobilenet", dataset="set14", metric=metric).title
    wins = int(title.split(" is better on ")[1].split()[0])
    assert (wins > 7) == (metric == "psnr")  # the synthetic losses trade PSNR for LPIPS


def test_any_two_rows_can_be_compared(three_seeds, tmp_path):
    board = build_leaderboard(three_seeds)
    paths = write_comparison(board, tmp_path, "alexnet", "pixel")
    assert {p.name for p in paths} >= {"images-set14-alexnet-minus-pixel.png"}
    with pytest.raises(KeyError):
        image_differences(board, "alexnet", "nobody", dataset="set14", metric="lpips")


def test_file_names_are_safe():
    assert file_name("plane", "../a b") == "plane-a-b"
    assert file_name("plane", "..") == "plane-x"
