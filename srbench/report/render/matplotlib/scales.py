"""Each loss as a curve in the perception-distortion plane, over its content scales."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from srbench.records import MetricInfo
from srbench.report.front import Point
from srbench.report.model import Leaderboard, Row
from srbench.report.render.matplotlib.style import PALETTE, footnote, new_figure, short
from srbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def scale_points(
    board: Leaderboard, row: Row, dataset: str, metrics: tuple[str, str]
) -> list[tuple[float, Point]]:
    """(content scale, point in the plane) of one row, means over seeds, scales ascending."""
    values: dict[float, list[tuple[float, ...]]] = defaultdict(list)
    for record in board.records:
        if record.loss.label == row.label and dataset in record.scores:
            found = record.scores[dataset].metrics
            if all(metric in found for metric in metrics):
                values[record.content_scale].append(tuple(found[m].mean for m in metrics))
    points = []
    for scale in sorted(values):
        x, y = np.mean(values[scale], axis=0)
        points.append((scale, (float(x), float(y))))
    return points


def scales_figure(
    board: Leaderboard, dataset: str, distortion: MetricInfo, perception: MetricInfo
) -> Figure | None:
    """One panel per loss with several content scales; ``None`` if no loss has any."""
    metrics = (distortion.name, perception.name)
    curves = {row.label: scale_points(board, row, dataset, metrics) for row in board.rows}
    rows = [row for row in board.rows if len(curves[row.label]) > 1]
    if not rows:
        return None
    columns = min(4, len(rows))
    depth = math.ceil(len(rows) / columns)
    figure = new_figure(2.6 * columns + 0.6, 2.2 * depth + 1.1)
    grid = figure.subplots(depth, columns, sharex=True, sharey=True, squeeze=False)
    for index, (axes, row) in enumerate(zip(grid.flat, rows, strict=False)):
        for other in rows:
            if other is not row:
                _draw_curve(axes, [p for _, p in curves[other.label]])
        _draw_own(axes, curves[row.label], row.scale)
        axes.set_title(short(plain(row.label), 26), fontsize=9.5)
        axes.margins(0.12)
        axes.tick_params(labelbottom=index + columns >= len(rows))
    for axes in grid.flat[len(rows) :]:
        axes.set_axis_off()
    if distortion.lower_is_better:
        grid.flat[0].invert_xaxis()
    if not perception.lower_is_better:
        grid.flat[0].invert_yaxis()
    for axes in grid[:, 0]:
        axes.set_ylabel(plain(perception.heading), fontsize=9)
    for axes in grid.flat[max(0, len(rows) - columns) : len(rows)]:
        axes.set_xlabel(plain(distortion.heading), fontsize=9)
    figure.suptitle(f"{plain(dataset)}: each loss over its content scales", x=0.01, ha="left")
    footnote(
        figure,
        "Numbers are content scales, points are means over seeds. The ring marks the scale chosen "
        "on the validation images, at which the loss is ranked. Grey: the other losses. Nearer "
        "the lower right is better.",
    )
    return figure


def _draw_curve(axes: Axes, points: list[Point]) -> None:
    axes.plot(*zip(*points, strict=True), color="#d5d5d5", linewidth=0.9, zorder=1)


def _draw_own(axes: Axes, points: list[tuple[float, Point]], chosen: float) -> None:
    x, y = zip(*(point for _, point in points), strict=True)
    axes.plot(x, y, "o-", color=PALETTE[0], linewidth=1.5, markersize=4.5, zorder=3)
    for scale, point in points:
        if scale == chosen:
            axes.plot(
                *point,
                "o",
                color=PALETTE[1],
                markersize=11,
                markerfacecolor="none",
                markeredgewidth=1.6,
                zorder=4,
            )
        axes.annotate(
            f"{scale:g}",
            point,
            xytext=(7, 5),
            textcoords="offset points",
            fontsize=7.5,
            color="#333333",
            zorder=5,
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.3},
        )
