"""Each loss as a curve in the perception-distortion plane, over its content scales."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from srbench.report.figures.drawing import (
    Axis,
    Drawing,
    Line,
    Mark,
    Part,
    Point,
    grid,
    panels,
    spanning,
    text,
)
from srbench.report.figures.plane import Axes
from srbench.report.model import Leaderboard, Row

WIDTH, HEIGHT = 320, 250
Scales = Sequence[tuple[float, Point]]


def scale_points(
    board: Leaderboard, row: Row, dataset: str, metrics: tuple[str, str]
) -> list[tuple[float, Point]]:
    """(content scale, point in the plane) of one row, means over seeds, scales ascending."""
    values: dict[float, list[Point]] = defaultdict(list)
    for record in board.records:
        if record.loss.label == row.label and dataset in record.scores:
            found = record.scores[dataset].metrics
            if all(metric in found for metric in metrics):
                point = (found[metrics[0]].mean, found[metrics[1]].mean)
                values[record.content_scale].append(point)
    return [(scale, _mean(points)) for scale, points in sorted(values.items())]


def _mean(points: Sequence[Point]) -> Point:
    x, y = (math.fsum(values) / len(points) for values in zip(*points, strict=True))
    return x, y


def scales(board: Leaderboard, dataset: str, axes: Axes) -> Drawing | None:
    """One panel per loss with several content scales; ``None`` if no loss has any."""
    names = (axes[0].name, axes[1].name)
    found = {row.label: scale_points(board, row, dataset, names) for row in board.rows}
    rows = [row for row in board.rows if len(found[row.label]) > 1]
    if not rows:
        return None
    points = [point for row in rows for _, point in found[row.label]]
    lower = (axes[0].lower_is_better, axes[1].lower_is_better)
    x = spanning([p[0] for p in points], 58, WIDTH - 14, margin=0.12, flipped=lower[0])
    y = spanning([p[1] for p in points], HEIGHT - 46, 26, margin=0.12, flipped=not lower[1])
    frame = [
        *grid(x, y, few=True),
        text(58, 14, axes[1].heading, "axis-name"),
        text(WIDTH - 14, HEIGHT - 8, axes[0].heading, "axis-name", "end"),
    ]
    return panels(
        [(row.label, _panel(row, found, rows, x, y, frame)) for row in rows],
        columns=4,
        kind="scales",
        title=f"{dataset}: each loss over its content scales",
        note="Numbers are content scales, points are means over seeds. The ring marks the scale "
        "chosen on the validation images, at which the loss is ranked. Grey: the other losses. "
        "Nearer the lower right is better.",
    )


def _panel(
    row: Row,
    found: Mapping[str, Scales],
    rows: Sequence[Row],
    x: Axis,
    y: Axis,
    frame: Sequence[Part],
) -> Drawing:
    def through(label: str, kind: str) -> Line:
        return Line(points=tuple((x.at(a), y.at(b)) for _, (a, b) in found[label]), kind=kind)

    parts = [*frame, *(through(other.label, "other") for other in rows if other is not row)]
    parts.append(through(row.label, "curve t0"))
    for scale, point in found[row.label]:
        at = (x.at(point[0]), y.at(point[1]))
        if scale == row.scale:
            parts.append(Mark(at=at, shape="circle", kind="ring", radius=8))
        parts.append(Mark(at=at, shape="circle", kind="point t0", radius=4))
        parts.append(text(at[0] + 8, at[1] - 6, f"{scale:g}", "hint"))
    told = ", ".join(f"{scale:g}" for scale, _ in itertools.chain(found[row.label]))
    return Drawing(
        width=WIDTH, height=HEIGHT, kind="scales", told=f"content scales {told}", parts=tuple(parts)
    )
