"""Image by image: by how much one loss beats another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from srbench.report.conventions import NETWORKS_ONLY
from srbench.report.model import Leaderboard
from srbench.report.render.matplotlib.style import GREY, INK, PALETTE, footnote, new_figure, short
from srbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_NAMES = 30


def image_differences(
    board: Leaderboard, first: str, second: str, *, dataset: str, metric: str
) -> tuple[list[str], np.ndarray]:
    """``first`` minus ``second`` per image and shared seed: image names and ``(images, seeds)``.

    Raises:
        KeyError: a label is not in the table.
        ValueError: the two share no scores on this data set.
    """
    runs = {}
    for label in (first, second):
        row = board.row(label)
        runs[label] = {
            record.seed: record.scores[dataset].metrics[metric].per_image
            for record in board.records
            if record.loss.label == label
            and record.content_scale == row.scale
            and dataset in record.scores
            and metric in record.scores[dataset].metrics
        }
    seeds = sorted(set(runs[first]) & set(runs[second]))
    if not seeds:
        raise ValueError(f"expected {first!r} and {second!r} to share a seed with {metric} scores")
    names = sorted(runs[first][seeds[0]])
    table = [[runs[first][s][n] - runs[second][s][n] for s in seeds] for n in names]
    return names, np.array(table)


def image_difference_figure(
    board: Leaderboard, first: str, second: str, *, dataset: str, metric: str
) -> Figure:
    """Paired differences, images sorted: dots are seeds, bars their mean."""
    names, table = image_differences(board, first, second, dataset=dataset, metric=metric)
    info = board.metric(metric)
    lower = info.lower_is_better
    means = table.mean(axis=1)
    order = np.argsort(means, kind="stable")
    gains = -means if lower else means
    figure = new_figure(8.2, 4.4)
    axes = figure.add_subplot()
    _draw_bars(axes, table[order], gains[order] > 0)
    _draw_mean(axes, float(means.mean()), info.digits + 1)
    _name_images(axes, [short(plain(names[i]), 16) for i in order])
    a, b = short(plain(first), 26), short(plain(second), 26)
    axes.set_ylabel(f"{plain(info.title)}, {a} minus {b}")
    axes.set_title(
        f"{plain(dataset)}: {a} is better on {int((gains > 0).sum())} of {len(names)} images, "
        f"{b} on {int((gains < 0).sum())}"
    )
    seeds = table.shape[1]
    footnote(
        figure,
        f"For {NETWORKS_ONLY}. Bars: mean over {seeds} seed{'s' if seeds > 1 else ''}"
        + ("; dots: single seeds. " if seeds > 1 else ". ")
        + f"{'Below' if lower else 'Above'} zero {a} is better.",
    )
    return figure


def _draw_bars(axes: Axes, table: np.ndarray, wins: np.ndarray) -> None:
    count, seeds = table.shape
    x = np.arange(count)
    colours = [PALETTE[0] if win else PALETTE[1] for win in wins]
    axes.bar(x, table.mean(axis=1), color=colours, width=0.75, alpha=0.75, zorder=2)
    if seeds > 1:
        dots: Any = {"color": INK, "markersize": 3, "alpha": 0.6, "zorder": 3}
        axes.plot(np.repeat(x, seeds), table.ravel(), ".", **dots)
    axes.axhline(0, color=INK, linewidth=0.9)
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.8, count - 0.2)


def _draw_mean(axes: Axes, mean: float, digits: int) -> None:
    axes.axhline(mean, color=GREY, linewidth=1.2, linestyle="--")
    axes.annotate(
        f" mean {mean:+.{digits}f}",
        (1.0, mean),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=8.5,
        color="#555555",
        annotation_clip=False,
    )


def _name_images(axes: Axes, names: list[str]) -> None:
    if len(names) > MAX_NAMES:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(names)} images, sorted")
        return
    turned: Any = {"rotation": 60, "ha": "right", "rotation_mode": "anchor", "fontsize": 7.5}
    axes.set_xticks(range(len(names)), names, **turned)
