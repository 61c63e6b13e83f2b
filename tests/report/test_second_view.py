"""Friedman and Nemenyi against scikit-posthocs and Demsar's published table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats

from srbench.report import build_leaderboard, tidy_scores
from srbench.report.second_view import (
    image_scores,
    nemenyi_difference,
    rank_bars,
    second_view,
)


# Demsar (JMLR 2006), table 5: q at the 5 % level for 2 to 10 classifiers.
@pytest.mark.parametrize(
    ("rows", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (8, 3.031), (10, 3.164)]
)
def test_critical_difference_matches_demsar(rows, q):
    expected = q * np.sqrt(rows * (rows + 1) / (6 * 30))
    assert nemenyi_difference(rows, 30) == pytest.approx(expected, rel=1e-3)


def test_ranks_are_over_images_of_seed_means(three_seeds):
    board = build_leaderboard(three_seeds)
    view = second_view(board, "bsd100", "lpips")
    frame = tidy_scores(board.records).query("dataset == 'bsd100' and metric == 'lpips'")
    table = frame.pivot_table(
        index="image", columns="label", values="score", aggfunc="mean", observed=True
    )[list(view.labels)]
    assert table.rank(axis=1).mean().tolist() == pytest.approx(list(view.mean_ranks))
    expected = stats.friedmanchisquare(*table.to_numpy().T)
    assert view.p_value == pytest.approx(expected.pvalue)
    assert view.images == 14
    assert list(view.mean_ranks) == sorted(view.mean_ranks)
    assert view.about == "these trained networks only"


def test_higher_is_better_ranks_the_other_way(three_seeds):
    board = build_leaderboard(three_seeds)
    view = second_view(board, "bsd100", "psnr")
    best = max((r for r in board.rows if r.trained), key=lambda r: r.cells["bsd100", "psnr"].mean)
    assert view.labels[0] == best.label


def test_critical_difference_agrees_with_scikit_posthocs(three_seeds):
    board = build_leaderboard(three_seeds)
    view = second_view(board, "set14", "lpips")
    labels, scores = image_scores(board, "set14", "lpips")
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(scores).to_numpy()
    ranks = dict(zip(view.labels, view.mean_ranks, strict=True))
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            if i != j:
                different = abs(ranks[a] - ranks[b]) > view.critical_difference
                assert (p_values[i, j] < 0.05) == different


def test_too_few_rows_or_images_have_no_view(one_seed, three_seeds):
    few = [r for r in three_seeds if r.loss.label in ("alexnet", "pixel", "bicubic")]
    assert second_view(build_leaderboard(few), "set14", "lpips") is None
    labels, scores = image_scores(build_leaderboard(one_seed), "photos-test", "missing")
    assert labels == []
    assert scores.size == 0


def test_equal_rows_have_no_view(three_seeds, edited):
    def constant(document):
        for dataset in document["scores"].values():
            if "lpips" in dataset["metrics"]:
                scores = dataset["metrics"]["lpips"]
                scores["per_image"] = dict.fromkeys(scores["per_image"], 0.25)
                scores["mean"] = 0.25

    board = build_leaderboard(edited(three_seeds, constant))
    assert second_view(board, "set14", "lpips") is None


def test_bars_join_exactly_what_is_within_the_difference():
    ranks = sorted(np.random.default_rng(0).uniform(1, 9, 9))
    bars = rank_bars(ranks, 1.5)
    joined = {
        (i, j)
        for first, last in bars
        for i in range(first, last + 1)
        for j in range(first, last + 1)
    }
    for i in range(9):
        for j in range(9):
            if i != j:
                assert ((i, j) in joined) == (abs(ranks[i] - ranks[j]) <= 1.5)
    assert pd.Series(bars).is_unique
