"""The second view: Friedman's and Nemenyi's tests over images, for these trained networks only.

Images are the blocks (Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR
2006, with images in the place of data sets). It says whether these very networks order the images
alike. It does not say what another training of the same losses would give, so it never forms tie
groups: with eight identical losses it finds a difference nearly always.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from srbench.records import DatasetScores
from srbench.report.conventions import NETWORKS_ONLY
from srbench.report.model import Leaderboard
from srbench.report.ranking import is_rankable
from srbench.report.statistics import critical_range

MIN_ROWS = 3
MIN_IMAGES = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondView:
    """Ranks of the rows over the images of one data set, by one metric.

    Attributes:
        mean_ranks: over images; 1 is best. Scores are first averaged over the seeds.
        p_value: of Friedman's test that all rows are alike.
        critical_difference: of two mean ranks at the 5 % level (Nemenyi).
    """

    dataset: str
    metric: str
    labels: tuple[str, ...]
    images: int
    mean_ranks: tuple[float, ...]
    statistic: float
    p_value: float
    critical_difference: float
    about: str = NETWORKS_ONLY


def second_view(board: Leaderboard, dataset: str, metric: str) -> SecondView | None:
    """Friedman's test and Nemenyi's critical difference, rows by mean rank.

    ``None`` with fewer than three complete rows or two images.
    """
    labels, scores = image_scores(board, dataset, metric)
    if len(labels) < MIN_ROWS or scores.shape[0] < MIN_IMAGES:
        return None
    sign = 1.0 if board.metric(metric).lower_is_better else -1.0
    ranks = stats.rankdata(sign * scores, axis=1).mean(axis=0)
    if np.ptp(scores, axis=1).max() == 0.0:
        return None  # every row equal on every image: the statistic is 0 / 0
    friedman = stats.friedmanchisquare(*scores.T)
    order = np.argsort(ranks, kind="stable")
    return SecondView(
        dataset=dataset,
        metric=metric,
        labels=tuple(labels[i] for i in order),
        images=scores.shape[0],
        mean_ranks=tuple(float(ranks[i]) for i in order),
        statistic=float(friedman.statistic),
        p_value=float(friedman.pvalue),
        critical_difference=nemenyi_difference(len(labels), scores.shape[0]),
    )


def second_views(board: Leaderboard) -> list[SecondView]:
    """The second view by the suite's rank metric, of every data set that has one."""
    if all(metric.name != board.rank_metric for metric in board.metrics):
        return []
    views = [second_view(board, dataset, board.rank_metric) for dataset in board.datasets]
    return [view for view in views if view is not None]


def view_line(board: Leaderboard, view: SecondView) -> str:
    """One line on a view: what it speaks of comes first."""
    return (
        f"Second view, {view.about}: {board.title(view.metric)} on the {view.images} images of "
        f"{view.dataset}: Friedman {p_text(view.p_value)}; Nemenyi's critical difference of mean "
        f"ranks {view.critical_difference:.2f} (1 is best), first {view.labels[0]} with "
        f"{view.mean_ranks[0]:.2f}, last {view.labels[-1]} with {view.mean_ranks[-1]:.2f}."
    )


def rank_bars(ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """Maximal runs (first, last) of sorted mean ranks that span at most the difference.

    Runs of a single row are left out.
    """
    bars: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = first
        while last + 1 < len(ranks) and ranks[last + 1] - ranks[first] <= difference:
            last += 1
        if last > first and (not bars or last > bars[-1][1]):
            bars.append((first, last))
    return bars


def p_text(value: float) -> str:
    """A p value as people write it."""
    return "p < 1e-16" if value < 1e-16 else f"p = {value:.2g}"


def nemenyi_difference(rows: int, images: int) -> float:
    """Nemenyi's critical difference of mean ranks at the 5 % level."""
    critical = critical_range(rows, math.inf) / math.sqrt(2.0)
    return critical * math.sqrt(rows * (rows + 1) / (6.0 * images))


def image_scores(
    board: Leaderboard, dataset: str, metric: str
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Scores of the ranked rows at their chosen scale: labels and ``(images, L)``, seed means."""
    rows = [r for r in board.rows if is_rankable(r) and (dataset, metric) in r.cells]
    labels = [row.label for row in rows]
    if not rows:
        return [], np.empty((0, 0))
    found: dict[tuple[str, float], list[DatasetScores]] = defaultdict(list)
    for record in board.records:
        if dataset in record.scores:
            found[record.loss.label, record.content_scale].append(record.scores[dataset])
    columns = []
    for row in rows:
        runs = found[row.label, row.scale]
        names = sorted(runs[0].images)
        per_seed = [[run.metrics[metric].per_image[name] for name in names] for run in runs]
        columns.append(np.mean(per_seed, axis=0))
    return labels, np.stack(columns, axis=1)
