"""Image by image: by how much one loss beats another."""

from __future__ import annotations

import numpy as np

from srbench.report.conventions import NETWORKS_ONLY
from srbench.report.figures.drawing import (
    Box,
    Drawing,
    Mark,
    Part,
    grid,
    line,
    shorten,
    spanning,
    text,
)
from srbench.report.model import Leaderboard

WIDTH, HEIGHT = 820, 380


def share_scores(board: Leaderboard, first: str, second: str, dataset: str, metric: str) -> bool:
    """Whether both rows have scores by the metric, of one seed at least."""
    ours, theirs = (_runs(board, label, dataset, metric) for label in (first, second))
    return bool(set(ours) & set(theirs))


def image_differences(
    board: Leaderboard, first: str, second: str, *, dataset: str, metric: str
) -> tuple[list[str], np.ndarray]:
    """``first`` minus ``second`` per image and shared seed: image names and ``(images, seeds)``.

    Raises:
        KeyError: a label is not in the table.
        ValueError: the two share no scores on this data set.
    """
    ours, theirs = (_runs(board, label, dataset, metric) for label in (first, second))
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        raise ValueError(f"expected {first!r} and {second!r} to share a seed with {metric} scores")
    names = sorted(ours[seeds[0]])
    return names, np.array([[ours[s][n] - theirs[s][n] for s in seeds] for n in names])


def _runs(board: Leaderboard, label: str, dataset: str, metric: str) -> dict[int, dict[str, float]]:
    """Seed -> image -> score of a row at its content scale."""
    row = board.row(label)
    return {
        record.seed: record.scores[dataset].metrics[metric].per_image
        for record in board.records
        if record.loss.label == label
        and record.content_scale == row.scale
        and dataset in record.scores
        and metric in record.scores[dataset].metrics
    }


def differences(
    board: Leaderboard, first: str, second: str, *, dataset: str, metric: str
) -> Drawing:
    """Paired differences, images sorted: dots are seeds, bars their mean."""
    names, table = image_differences(board, first, second, dataset=dataset, metric=metric)
    info = board.metric(metric)
    means = table.mean(axis=1)
    gains = -means if info.lower_is_better else means
    a, b = shorten(first, 26), shorten(second, 26)
    seeds = table.shape[1]
    return Drawing(
        width=WIDTH,
        height=HEIGHT,
        kind="differences",
        told=f"{info.title}, {a} minus {b}, on each image of {dataset}",
        parts=tuple(_parts(table, means, gains, f"{info.title}, {a} minus {b}", info.digits + 1)),
        title=f"{dataset}: {a} is better on {int((gains > 0).sum())} of {len(names)} images, "
        f"{b} on {int((gains < 0).sum())}",
        note=f"For {NETWORKS_ONLY}. Images are sorted. Bars: mean over {seeds} "
        f"seed{'s' if seeds > 1 else ''}{'; dots: single seeds' if seeds > 1 else ''}. "
        f"{'Below' if info.lower_is_better else 'Above'} zero {a} is better.",
    )


def _parts(
    table: np.ndarray, means: np.ndarray, gains: np.ndarray, name: str, digits: int
) -> list[Part]:
    x = spanning([-0.5, len(means) - 0.5], 64, WIDTH - 90, margin=0)
    y = spanning([0.0, *table.ravel().tolist()], HEIGHT - 16, 30, margin=0.05)
    wide = max(1.0, 0.75 * (x.at(1) - x.at(0)))
    parts = [p for p in grid(x, y, few=True, columns=False) if getattr(p, "anchor", "") != "middle"]
    for place, index in enumerate(np.argsort(means, kind="stable")):
        top, bottom = sorted((y.at(float(means[index])), y.at(0)))
        kind = "win" if gains[index] > 0 else "loss"
        corner = (x.at(place) - wide / 2, top)
        parts.append(Box(at=corner, width=wide, height=bottom - top, kind=kind))
        if table.shape[1] > 1:
            dots = ((x.at(place), y.at(float(value))) for value in table[index])
            parts += [Mark(at=dot, shape="circle", kind="dot", radius=1.5) for dot in dots]
    mean = float(means.mean())
    return [
        *parts,
        line(x.start, y.at(0), x.end, y.at(0), "axis"),
        line(x.start, y.at(mean), x.end, y.at(mean), "mean"),
        text(x.end + 6, y.at(mean) + 4, f"mean {mean:+.{digits}f}", "hint"),
        text(x.start, 16, name, "axis-name"),
    ]
