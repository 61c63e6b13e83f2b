"""The content scale is chosen on the validation images."""

from __future__ import annotations

import pytest
from synthetic import synthetic_records

from srbench.report import build_leaderboard

SCALES = (0.33, 1.0, 3.0)


@pytest.fixture
def records(edited):
    """At scale 1 the validation LPIPS of every loss is best, whatever the test sets say."""

    def change(document):
        last = {0.33: 0.25, 1.0: 0.20, 3.0: 0.30}[document["content_scale"]]
        for point in document["validation"]:
            point["scores"] = {"lpips": last, "psnr": 27.0}

    return edited(synthetic_records(scales=SCALES), change, lambda r: bool(r.loss.terms))


def _validation(record, value):
    points = record["validation"]
    # The last point by iteration counts, wherever it stands in the file.
    points[0], points[-1] = points[-1], points[0]
    points[0]["scores"]["lpips"] = value


def test_best_validation_score_is_chosen(records):
    board = build_leaderboard(records)
    row = board.row("alexnet")
    assert row.scale == 1.0
    assert row.scales == SCALES
    assert "by validation lpips" in row.scale_reason
    expected = [r for r in records if r.loss.label == "alexnet" and r.content_scale == 1.0]
    means = [r.scores["set14"].metrics["psnr"].mean for r in expected]
    assert row.cells["set14", "psnr"].mean == pytest.approx(sum(means) / 3)


def test_the_mean_over_seeds_decides(records, edited):
    changed = edited(
        records,
        lambda d: _validation(d, 0.05),
        lambda r: r.loss.label == "alexnet" and r.content_scale == 3.0 and r.seed == 2,
    )
    # (0.30 + 0.05 + 0.30) / 3 = 0.217 > 0.20
    assert build_leaderboard(changed).row("alexnet").scale == 1.0
    changed = edited(
        changed,
        lambda d: _validation(d, 0.05),
        lambda r: r.loss.label == "alexnet" and r.content_scale == 3.0 and r.seed == 1,
    )
    assert build_leaderboard(changed).row("alexnet").scale == 3.0
    assert build_leaderboard(changed).row("mobilenet").scale == 1.0


def test_a_scale_with_a_failed_seed_cannot_win(records, failing):
    best = [r for r in records if r.loss.label == "alexnet" and r.content_scale == 1.0]
    kept = [r for r in records if r not in best]
    board = build_leaderboard([*kept, *failing(best, "alexnet", 2)])
    row = board.row("alexnet")
    assert row.scale == 0.33
    assert row.status == "finished"
    assert row.errors == ("seed 2, content scale 1: NonFiniteLoss: content was nan",)


def test_higher_is_better_metrics_choose_the_other_way(records, edited):
    def by_psnr(document):
        document["suite"]["document"]["report"] = {"rank_metric": "psnr"}
        for point in document["validation"]:
            point["scores"] = {"psnr": 20.0 + document["content_scale"]}

    assert build_leaderboard(edited(records, by_psnr)).row("alexnet").scale == 3.0


def test_without_validation_scores_there_is_no_choice_and_no_rank(records, edited):
    changed = edited(
        records, lambda d: d.update(validation=[]), lambda r: r.loss.label == "alexnet"
    )
    row = build_leaderboard(changed).row("alexnet")
    assert row.status == "incomplete"
    assert row.rank is None
    assert row.missing[-1].startswith("the content scale is not chosen")


def test_a_metric_without_test_scores_has_no_direction_to_choose_by(records, edited):
    changed = edited(
        records, lambda d: d["suite"]["document"].update(report={"rank_metric": "dists"})
    )
    board = build_leaderboard(changed)
    assert "no test set is scored by dists" in board.row("alexnet").missing[-1]
    assert any("No overall rank" in note for note in board.notes)


def test_one_scale_needs_no_validation(three_seeds, edited):
    board = build_leaderboard(edited(three_seeds, lambda d: d.update(validation=[])))
    assert board.row("alexnet").rank is not None
    assert board.row("alexnet").convergence == "unknown"


def _walked(document, depths, gains):
    """A curve on the held-out images: PSNR falls as the square, LPIPS as itself."""
    depth, gain = (found[document["content_scale"]] for found in (depths, gains))
    document["validation_curve"] = [
        {"coefficient": c, "scores": {"psnr": 28 - depth * c * c, "lpips": 0.4 - gain * c}}
        for c in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]


def test_with_curves_the_scale_is_chosen_at_the_budget_and_an_edge_is_flagged(records, edited):
    # At -0.5 dB: 0.4 - gain sqrt(0.5 / depth). The deepest has the best end, and the worst there.
    depths, gains = {0.33: 0.5, 1.0: 2.0, 3.0: 8.0}, {0.33: 0.05, 1.0: 0.12, 3.0: 0.16}
    walked = edited(records, lambda d: _walked(d, depths, gains), lambda r: bool(r.loss.terms))
    row = build_leaderboard(walked).row("alexnet")
    assert row.scale == 1.0
    assert "by validation lpips at -0.5 dB (0.33: 0.3500, 1: 0.3400, 3: 0.3600)" in row.scale_reason
    assert "edge" not in row.scale_reason
    gains[3.0] = 0.30
    walked = edited(records, lambda d: _walked(d, depths, gains), lambda r: bool(r.loss.terms))
    row = build_leaderboard(walked).row("alexnet")
    assert row.scale == 3.0
    assert "the edge of those trained" in row.scale_reason


def test_a_scale_that_does_not_reach_the_budget_is_not_chosen(records, edited):
    depths, gains = {0.33: 0.4, 1.0: 2.0, 3.0: 8.0}, {0.33: 0.3, 1.0: 0.12, 3.0: 0.16}
    walked = edited(records, lambda d: _walked(d, depths, gains), lambda r: bool(r.loss.terms))
    assert build_leaderboard(walked).row("alexnet").scale == 1.0
