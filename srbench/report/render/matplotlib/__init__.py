"""Plots of a leaderboard, as SVG and PNG. Same records, same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.report.metrics import plane_metrics
from srbench.report.model import Leaderboard
from srbench.report.render.matplotlib.correlation import correlation_figure
from srbench.report.render.matplotlib.critical_difference import critical_difference_figure
from srbench.report.render.matplotlib.curves import validation_figure
from srbench.report.render.matplotlib.image_differences import image_difference_figure
from srbench.report.render.matplotlib.plane import plane_figure
from srbench.report.render.matplotlib.scales import scales_figure
from srbench.report.render.matplotlib.style import file_name, plot_style, save_figure
from srbench.report.render.matplotlib.training import training_figure
from srbench.report.second_view import second_view

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["image_difference_figure", "write_comparison", "write_plots"]


def write_plots(board: Leaderboard, out: Path) -> tuple[Path, ...]:
    """Write every plot below ``out/plots`` and return the files.

    Per data set: the perception-distortion plane, the content-scale curves in it, the
    critical-difference diagram, the agreement of the metrics and the image-by-image difference of
    the two best rows; then validation and training curves. A plot that the records cannot fill is
    left out.
    """
    paths: list[Path] = []
    with plot_style():
        for name, figure in _figures(board):
            paths += save_figure(figure, out / "plots", name)
    return tuple(paths)


def write_comparison(board: Leaderboard, out: Path, first: str, second: str) -> tuple[Path, ...]:
    """The image-by-image difference of any two rows by the rank metric, for every data set."""
    paths: list[Path] = []
    with plot_style():
        for dataset in board.datasets:
            figure = image_difference_figure(
                board, first, second, dataset=dataset, metric=board.rank_metric
            )
            name = file_name("images", dataset, first, "minus", second)
            paths += save_figure(figure, out / "plots", name)
    return tuple(paths)


def _figures(board: Leaderboard) -> Iterator[tuple[str, Figure]]:
    metrics = tuple(metric.name for metric in board.metrics)
    axes = plane_metrics(board.metrics)
    for dataset in board.datasets:
        if axes is not None:
            yield file_name("plane", dataset), plane_figure(board, dataset, *axes)
            scales = scales_figure(board, dataset, *axes)
            if scales is not None:
                yield file_name("scales", dataset), scales
        if board.rank_metric in metrics:
            view = second_view(board, dataset, board.rank_metric)
            if view is not None:
                yield (
                    file_name("critical-difference", dataset),
                    critical_difference_figure(board, view),
                )
            best = [row.label for row in board.rows if row.rank is not None][:2]
            if len(best) == 2:
                figure = image_difference_figure(
                    board, best[0], best[1], dataset=dataset, metric=board.rank_metric
                )
                yield file_name("images", dataset), figure
    for table in board.correlations:
        yield file_name("agreement", table.dataset), correlation_figure(board, table)
    names = dict.fromkeys(n for c in board.curves for p in c.validation for n in p.scores)
    for name in names:
        found = validation_figure(board, name)
        if found is not None:
            yield file_name("validation", name), found
    training = training_figure(board)
    if training is not None:
        yield "training", training
