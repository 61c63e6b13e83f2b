"""Rows, ranks, tie groups, flags and notes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from synthetic import synthetic_records

from srbench.records import CurvePoint
from srbench.report import build_leaderboard, tidy_scores
from srbench.report.columns import columns, entries
from srbench.report.correlation import metric_correlations
from srbench.report.statistics import tukey

POOLED = {"vgg16-random", "vgg16-conv5_3", "vgg16-relu2_2", "alexnet", "mobilenet"}
TRAINED = POOLED | {"pixel"}


def _scores(records, label, dataset, metric):
    return [
        np.mean(list(r.scores[dataset].metrics[metric].per_image.values()))
        for r in records
        if r.loss.label == label
    ]


def test_means_and_intervals_are_over_seeds(three_seeds):
    board = build_leaderboard(three_seeds)
    for label in ("alexnet", "warm-start"):
        cell = board.row(label).cells["set14", "lpips"]
        y = _scores(three_seeds, label, "set14", "lpips")
        assert cell.mean == pytest.approx(np.mean(y), rel=1e-12)
        expected = stats.t.interval(0.95, 2, loc=np.mean(y), scale=stats.sem(y))
        assert (cell.low, cell.high) == pytest.approx(expected)
        assert (cell.seeds, cell.images) == (3, 14)


def test_rows_that_no_seed_changes_have_no_interval(three_seeds):
    board = build_leaderboard(three_seeds)
    for label in ("bicubic", "hr"):
        cell = board.row(label).cells["bsd100", "niqe"]
        assert cell.low is None
        assert cell.high is None
        assert board.row(label).seeds == ()


def test_family_is_the_trained_rows(three_seeds):
    board = build_leaderboard(three_seeds)
    family = board.families["bsd100", "lpips"]
    assert set(family.labels) == POOLED
    y = np.array([_scores(three_seeds, label, "bsd100", "lpips") for label in family.labels])
    assert family.tukey.threshold == pytest.approx(tukey(y).threshold)
    means = dict(zip(family.labels, y.mean(axis=1), strict=True))
    for a in family.labels:
        for b in family.labels:
            shared = set(board.row(a).cells["bsd100", "lpips"].group) & set(
                board.row(b).cells["bsd100", "lpips"].group
            )
            assert bool(shared) == (abs(means[a] - means[b]) <= family.tukey.threshold)


def test_ranks_follow_the_metric_and_overall_every_image_weighs_the_same(uneven):
    board = build_leaderboard(uneven)
    ranked = [row for row in board.rows if row.rank is not None]
    assert {row.label for row in ranked} == TRAINED
    for dataset in board.datasets:
        by_rank = sorted(ranked, key=lambda r: r.cells[dataset, "psnr"].rank)
        values = [r.cells[dataset, "psnr"].mean for r in by_rank]
        assert values == sorted(values, reverse=True)
    for row in ranked:
        ranks = [row.cells[d, "lpips"].rank for d in ("set14", "bsd100")]
        assert row.mean_rank == pytest.approx(np.average(ranks, weights=[3, 14]))
    assert [r.rank for r in ranked] == sorted(r.rank for r in ranked)


def test_rank_datasets_of_the_suite_are_honoured(three_seeds, edited):
    records = edited(
        three_seeds,
        lambda d: d["suite"]["document"].update(
            report={"rank_datasets": ["bsd100"], "rank_metric": "psnr"}
        ),
    )
    board = build_leaderboard(records)
    for row in board.rows:
        if row.rank is not None:
            assert row.mean_rank == row.cells["bsd100", "psnr"].rank


def test_a_diagnostic_is_shown_and_ranks_nothing(three_seeds):
    board = build_leaderboard(three_seeds)
    row = board.row("alexnet")
    assert board.metric("niqe").diagnostic
    assert {key[0] for key in row.cells if key[1] == "niqe"} == {"set14", "bsd100"}
    assert all(row.cells[d, "niqe"].rank is None for d in ("set14", "bsd100"))
    assert row.cells["bsd100", "lpips"].rank is not None


def test_reference_rows_are_shown_but_not_ranked(three_seeds):
    board = build_leaderboard(three_seeds)
    for label in ("bicubic", "warm-start", "hr"):
        row = board.row(label)
        assert row.reference
        assert row.rank is None
        assert all(cell.rank is None and not cell.group for cell in row.cells.values())
    assert set(board.row("hr").cells) == {("set14", "niqe"), ("bsd100", "niqe")}
    assert board.row("hr").status == "finished"


def test_a_failed_seed_makes_the_row_incomplete(three_seeds, failing):
    board = build_leaderboard(failing(three_seeds, "alexnet", 2))
    row = board.row("alexnet")
    assert row.status == "incomplete"
    assert row.missing == ("seed 2",)
    assert row.errors == ("seed 2, content scale 1: NonFiniteLoss: content was nan",)
    assert row.rank is None
    assert row.cells["set14", "lpips"].rank is None
    assert row.cells["set14", "lpips"].group == ""
    assert row.cells["set14", "lpips"].seeds == 2
    assert "alexnet" not in board.families["set14", "lpips"].labels
    assert board.row("mobilenet").rank is not None
    assert board.rows[-1].label == "alexnet"


def test_a_row_that_always_failed_is_shown_with_its_reason(three_seeds, failing):
    row = build_leaderboard(failing(three_seeds, "alexnet")).row("alexnet")
    assert row.status == "failed"
    assert row.cells == {}
    assert len(row.errors) == 3


def test_a_missing_metric_is_named(three_seeds, edited):
    def drop(document):
        del document["scores"]["set14"]["metrics"]["ssim"]

    board = build_leaderboard(
        edited(three_seeds, drop, lambda r: r.loss.label == "alexnet" and r.seed == 3)
    )
    row = board.row("alexnet")
    assert row.missing == ("ssim on set14, seed 3",)
    assert row.rank is None


def test_a_missing_data_set_is_named(three_seeds, edited):
    board = build_leaderboard(
        edited(
            three_seeds,
            lambda d: d["scores"].pop("bsd100"),
            lambda r: r.loss.label == "alexnet" and r.seed == 3,
        )
    )
    assert board.row("alexnet").missing == ("bsd100, seed 3",)


def test_a_collapsed_row_is_flagged_ranked_and_in_no_tie_group(three_seeds, edited):
    board = build_leaderboard(
        edited(
            three_seeds,
            lambda d: d.update(status="collapsed"),
            lambda r: r.loss.label == "alexnet" and r.seed == 1,
        )
    )
    row = board.row("alexnet")
    assert row.status == "collapsed"
    assert row.rank is not None
    assert all("collapsed" in cell.flags and not cell.group for cell in row.cells.values())
    assert "alexnet" not in board.families["set14", "psnr"].labels


def test_one_seed_gives_no_tie_groups_and_says_why(one_seed):
    board = build_leaderboard(one_seed)
    assert board.intervals.kind == "images"
    assert "these trained networks only" in board.intervals.meaning
    assert "one seed" in board.intervals.groups
    assert all(f.tukey is None and "one seed" in f.why_not for f in board.families.values())
    assert all(not cell.group for row in board.rows for cell in row.cells.values())
    cell = board.row("alexnet").cells["photos-test", "psnr"]
    assert cell.low < cell.mean < cell.high
    assert board.row("mobilenet").rank is not None


def test_one_image_gives_no_interval():
    board = build_leaderboard(synthetic_records(seeds=[1], datasets=["photos-test"], images=1))
    cell = board.row("alexnet").cells["photos-test", "psnr"]
    assert (cell.low, cell.high) == (None, None)


def test_flags(three_seeds, edited):
    def change(document):
        document["loss"].update(
            trains_on_metrics=["psnr"], shares_network_with=["lpips"], saw_test_images=["BSD100"]
        )

    board = build_leaderboard(edited(three_seeds, change, lambda r: r.loss.label == "mobilenet"))
    cells = board.row("mobilenet").cells
    assert cells["set14", "psnr"].flags == ("trained-on",)
    assert cells["set14", "lpips"].flags == ("shares-network",)
    assert cells["set14", "ssim"].flags == ()
    assert cells["set14", "niqe"].flags == ("small-image",)  # 256 x 256 has 4 blocks
    assert cells["bsd100", "niqe"].flags == ("saw-test",)  # 321 x 481 has 15 blocks
    assert cells["bsd100", "psnr"].flags == ("trained-on", "saw-test")


def test_unsettled_rows_are_flagged(three_seeds, edited):
    def falling(document):
        for point in document["validation"]:
            point["scores"]["lpips"] = 0.4 - 1e-4 * point["iteration"]

    board = build_leaderboard(edited(three_seeds, falling, lambda r: r.loss.label == "alexnet"))
    assert board.row("alexnet").convergence == "not-converged"
    assert "not-converged" in board.row("alexnet").cells["set14", "psnr"].flags


def test_loss_rows_without_a_record_and_seeds_to_come_are_noted(three_seeds):
    records = [r for r in three_seeds if r.loss.label != "alexnet" and r.seed != 3]
    board = build_leaderboard(records)
    assert any("alexnet" in note for note in board.notes)
    assert any("without a record so far: 3" in note for note in board.notes)
    assert board.seeds == (1, 2)


def test_costs_are_per_device(three_seeds, edited):
    records = edited(
        three_seeds,
        lambda d: d["cost"].update(device="Other GPU", seconds=1.0),
        lambda r: r.loss.label == "alexnet" and r.seed == 1,
    )
    board = build_leaderboard(records)
    lines = {(c.device, c.seeds) for c in board.costs if c.label == "alexnet"}
    assert lines == {("Other GPU", 1), ("Synthetic CPU", 2)}
    assert any("2 devices" in note for note in board.notes)


def test_tidy_frame_holds_every_score(three_seeds):
    frame = tidy_scores(three_seeds)
    assert list(frame.columns) == [
        "label",
        "seed",
        "scale",
        "dataset",
        "metric",
        "image",
        "score",
    ]
    count = sum(
        len(m.per_image) for r in three_seeds for s in r.scores.values() for m in s.metrics.values()
    )
    assert len(frame) == count
    record = next(r for r in three_seeds if r.loss.label == "alexnet" and r.seed == 2)
    chosen = frame.query(
        "label == 'alexnet' and seed == 2 and dataset == 'set14' and metric == 'psnr'"
    )
    assert dict(zip(chosen.image, chosen.score, strict=True)) == dict(
        record.scores["set14"].metrics["psnr"].per_image
    )


def test_correlations_are_those_of_pandas(three_seeds):
    board = build_leaderboard(three_seeds)
    table = board.correlations[0]
    frame = tidy_scores(board.records).query("dataset == 'set14' and label != 'hr'")
    means = frame.groupby(["label", "metric"], observed=True)["score"].mean().unstack()
    means[["lpips", "niqe"]] *= -1
    for name, values in (("spearman", table.spearman), ("kendall", table.kendall)):
        expected = means[list(table.metrics)].corr(method=name).to_numpy()
        assert np.array(values, dtype=float) == pytest.approx(expected)
    assert table.rows == 8


def test_a_constant_metric_has_no_correlation(three_seeds, edited):
    def constant(document):
        if "psnr" in document["scores"]["set14"]["metrics"]:
            scores = document["scores"]["set14"]["metrics"]["psnr"]
            scores["per_image"] = dict.fromkeys(scores["per_image"], 25.0)
            scores["mean"] = 25.0

    board = build_leaderboard(edited(three_seeds, constant))
    table = board.correlations[0]
    assert table.spearman[0] == (None,) * 4
    assert metric_correlations(board.rows[:2], board.datasets, board.metrics) == ()
    # Equal scores share a rank, and no pair is called different.
    cells = [board.row(label).cells["set14", "psnr"] for label in TRAINED]
    assert {cell.rank for cell in cells} == {3.5}
    pooled = [board.row(label).cells["set14", "psnr"] for label in POOLED]
    assert {cell.group for cell in pooled} == {"a"}
    assert all(math.isfinite(cell.low) for cell in cells)


def test_a_row_without_a_game_says_so_beside_its_name_and_is_not_pooled():
    won = tuple(
        CurvePoint(
            iteration=i, scores={"accuracy_hr": 1.0, "accuracy_sr": 1.0, "accuracy_pairs": 1.0}
        )
        for i in (1, 2)
    )
    records = [
        r.model_copy(update={"game": won}) if r.loss.label == "alexnet" and r.seed == 2 else r
        for r in synthetic_records(seeds=[1, 2, 3], datasets=["set5"], images=2)
    ]
    board = build_leaderboard(records)
    assert board.row("alexnet").game == ("discriminator-won",)
    assert board.row("mobilenet").game == ()
    assert board.row("alexnet").rank is not None
    assert set(board.families["set5", "lpips"].labels) == POOLED - {"alexnet"}
    table = entries(board, "set5")
    shown = {c.name: c for c in columns(board, "terminal", table)}["game"]
    assert {e.row.label: shown.shown(e) for e in table}["alexnet"] == "discriminator-won"
    assert "discriminator-won" in board.row("alexnet").cells["set5", "lpips"].flags
