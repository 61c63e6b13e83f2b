"""The perception-distortion plane (Blau and Michaeli, CVPR 2018) with its Pareto front."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from srbench.errors import plain
from srbench.records import MetricInfo
from srbench.report.figures.drawing import (
    PALETTE_SIZE,
    SHAPES,
    Axis,
    Drawing,
    Line,
    Mark,
    Part,
    Point,
    Spot,
    grid,
    line,
    shorten,
    spanning,
    text,
    text_width,
)
from srbench.report.figures.front import pareto_front
from srbench.report.figures.placement import place_names
from srbench.report.figures.walks import Walk, walk_lines, walks
from srbench.report.model import Cell, Leaderboard, Row
from srbench.report.text import interval

MAX_NAMES = 16
FAR = 0.25
"""How far beyond the losses' range, as a share of it, a reference row stays inside."""
TEXT = 12.5
Axes = tuple[MetricInfo, MetricInfo]
"""(distortion, perception)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How the rows of one pretraining task are drawn."""

    name: str
    kind: str
    shape: str


def looks(board: Leaderboard) -> dict[str, Look]:
    """Label -> how it is drawn: colour and shape by task, hollow where no loss was trained."""
    tasks = sorted({row.task for row in board.rows if row.trained})
    by_task = {
        task: Look(name=task, kind=f"t{i % PALETTE_SIZE}", shape=SHAPES[i % PALETTE_SIZE])
        for i, task in enumerate(tasks)
    }
    none = Look(name="no loss (reference)", kind="tn", shape="circle")
    return {row.label: by_task[row.task] if row.trained else none for row in board.rows}


def legend(board: Leaderboard) -> list[Look]:
    """Every look once, that of the reference rows last."""
    by_name = {look.name: look for look in looks(board).values()}
    return sorted(by_name.values(), key=lambda look: (look.kind == "tn", look.name))


def plane(
    board: Leaderboard, dataset: str, axes: Axes, *, width: int = 980, height: int = 500
) -> Drawing | None:
    """One data set's plane: better distortion to the right, better perception downwards.

    ``None`` where no row has both scores.
    """
    keys = [(dataset, metric.name) for metric in axes]
    rows = [row for row in board.rows if all(key in row.cells for key in keys)]
    if not rows:
        return None
    points = [(row.cells[keys[0]].mean, row.cells[keys[1]].mean) for row in rows]
    lower = (axes[0].lower_is_better, axes[1].lower_is_better)
    few = width < 500
    found = walks(board, dataset, axes[0].name, axes[1].name)
    frame = (58.0, 30.0, width - 14.0, height - 46.0)
    outside = _outside(rows, points, found, axes)
    inside = [i for i in range(len(rows)) if i not in outside]
    shown = [p for i in inside for p in _taken(rows[i], points[i], found)]
    x = spanning([p[0] for p in shown], frame[0], frame[2], margin=0.09, flipped=lower[0])
    y = spanning([p[1] for p in shown], frame[3], frame[1], margin=0.09, flipped=not lower[1])
    found = {label: walk.within(x, y) for label, walk in found.items()}
    # By now there may be room for some of them.
    outside = [i for i in outside if not (x.holds(points[i][0]) and y.holds(points[i][1]))]
    ends = [  # of a curve that leaves the frame where it does
        found[row.label].middle[-1] if i in outside and row.label in found else point
        for i, (row, point) in enumerate(zip(rows, points, strict=True))
    ]
    pixels = [(x.clipped(a), y.clipped(b)) for a, b in ends]
    off = {rows[i].label for i in outside}
    parts: list[Part] = [
        *grid(x, y, few=few),
        text(frame[0], 16, f"{axes[1].heading}  perception", "axis-name"),
        text(frame[2], height - 8, f"distortion  {axes[0].heading}", "axis-name", "end"),
        text(frame[2] - 6, frame[3] - 8, "better ↘", "hint", "end"),
        *_front(points, pixels, lower),
    ]
    styles = looks(board)
    parts += walk_lines(found, {label: look.kind for label, look in styles.items()}, x, y)
    for row, pixel in zip(rows, pixels, strict=True):
        cells = (row.cells[keys[0]], row.cells[keys[1]])
        placed = row.label not in off  # else its mark stands elsewhere, and bars would be of that
        bars = _bars(cells, pixel, x, y) if board.intervals.kind == "seeds" and placed else []
        parts.append(_spot(row, styles[row.label], cells, axes, pixel, bars))
    named = _named(rows, points, lower, few=few)
    names = {i: shorten(rows[i].label, 26) for i in named}
    for i in outside:
        scores = (f"{m.title} {m.number(rows[i].cells[dataset, m.name].mean)}" for m in axes)
        names[i] = f"{shorten(rows[i].label, 26)}: {', '.join(scores)}, off the frame"
    parts += _names(names, pixels, frame)
    return Drawing(
        width=width,
        height=height,
        kind="plane",
        told=f"Perception-distortion plane of {dataset}: {len(rows)} rows by {axes[0].heading} and "
        f"{axes[1].heading}. The tables hold the same numbers.",
        parts=tuple(parts),
        title=f"{dataset}: perception against distortion",
        note=_note(board, len(rows) - len(names), walked=bool(found)),
    )


def _outside(
    rows: Sequence[Row], points: Sequence[Point], found: Mapping[str, Walk], axes: Axes
) -> list[int]:
    """Reference rows that lie so far off that they would press the losses together.

    They stand at the edge, with their scores. What is on the Pareto front stays where it is.
    """
    front = pareto_front(points, lower=(axes[0].lower_is_better, axes[1].lower_is_better))
    far = [i for i, row in enumerate(rows) if row.reference and i not in front]
    near = [i for i in range(len(rows)) if i not in far]
    if len(near) < 2:  # of one row there is nothing to see from nearer
        return []
    taken = [p for i in near for p in _taken(rows[i], points[i], found)]
    ranges = []
    for values in zip(*taken, strict=True):
        room = FAR * (max(values) - min(values))
        ranges.append((min(values) - room, max(values) + room))
    return [
        i
        for i in far
        if any(
            not low <= value <= high for value, (low, high) in zip(points[i], ranges, strict=True)
        )
    ]


def _taken(row: Row, point: Point, found: Mapping[str, Walk]) -> list[Point]:
    """What a row needs of the plane: its point, and its curve with the band."""
    walk = found.get(row.label)
    return [point] if walk is None else [point, *walk.low, *walk.high]


def _note(board: Leaderboard, unnamed: int, *, walked: bool) -> str:
    marks = "; ".join(f"{look.shape}: {plain(look.name)}" for look in legend(board))
    hidden = f" {unnamed} rows behind the front are not named." if unnamed else ""
    spread = (
        f"Bars: {board.intervals.meaning}"
        if board.intervals.kind == "seeds"
        else "One seed: how far another training of a loss would move its point is unknown."
    )
    lines = (
        " Lines lead from the warm start to each generator, bands are the least and greatest seed."
        if walked
        else ""
    )
    return (
        "The staircase is the Pareto front: no row beats those on it in both. Nearer the lower "
        f"right is better. Suite {board.suite} v{board.suite_version}, protocol "
        f"{board.protocol}.{hidden} {spread}{lines} Pretrained for: {marks}."
    )


def _front(
    points: Sequence[Point], pixels: Sequence[Point], lower: tuple[bool, bool]
) -> list[Line]:
    front = [pixels[i] for i in pareto_front(points, lower=lower)]
    if len(front) < 2:
        return []
    corners = [front[0]]
    for before, after in itertools.pairwise(front):
        # Between two points of the front lies what both rows reach: the worse of each axis.
        corners += [(after[0], before[1]), after]
    return [Line(points=tuple(corners), kind="front")]


def _named(
    rows: Sequence[Row], points: Sequence[Point], lower: tuple[bool, bool], *, few: bool
) -> list[int]:
    """Rows whose name is written: all, or the front and the references where that would clutter."""
    if len(rows) <= (MAX_NAMES // 2 if few else MAX_NAMES):
        return list(range(len(rows)))
    front = set(pareto_front(points, lower=lower))
    return [i for i, row in enumerate(rows) if i in front or (row.reference and not few)]


def _names(
    names: Mapping[int, str],
    pixels: Sequence[Point],
    frame: tuple[float, float, float, float],
) -> list[Part]:
    """``names``: which of the pixels are named, and how."""
    sizes = [(text_width(name, TEXT), TEXT + 3) for name in names.values()]
    places = place_names([pixels[i] for i in names], sizes, frame, pixels)
    parts: list[Part] = []
    for (i, name), (box, leader) in zip(names.items(), places, strict=True):
        if leader:
            px, py = pixels[i]
            nx, ny = min(max(px, box[0]), box[2]), min(max(py, box[1]), box[3])
            parts.append(line(px, py, nx, ny, "leader"))
        parts.append(text(box[0], box[3] - 4, name, "name"))
    return parts


def _bars(cells: tuple[Cell, Cell], pixel: Point, x: Axis, y: Axis) -> list[Part]:
    parts: list[Part] = []
    if cells[0].low is not None and cells[0].high is not None:
        ends = [x.clipped(value) for value in (cells[0].low, cells[0].high)]
        parts.append(line(ends[0], pixel[1], ends[1], pixel[1], "bar"))
    if cells[1].low is not None and cells[1].high is not None:
        ends = [y.clipped(value) for value in (cells[1].low, cells[1].high)]
        parts.append(line(pixel[0], ends[0], pixel[0], ends[1], "bar"))
    return parts


def _spot(
    row: Row, look: Look, cells: tuple[Cell, Cell], axes: Axes, pixel: Point, bars: list[Part]
) -> Spot:
    values = []
    for cell, metric in zip(cells, axes, strict=True):
        covered = interval(cell, metric)
        values.append(
            f"{metric.title} {metric.number(cell.mean)}" + (f" ({covered})" if covered else "")
        )
    area = Mark(at=pixel, shape="circle", kind="target", radius=13)
    mark = Mark(at=pixel, shape=look.shape, kind=f"point {look.kind}")
    return Spot(
        row=row.label,
        kind=f"spot {look.kind}",
        told=f"{row.label}: {', '.join(values)}",
        parts=(*bars, area, mark),
    )
