"""The perception-distortion plane with its Pareto front; every point is a link."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from srbench.records import MetricInfo
from srbench.report.front import Point, pareto_front
from srbench.report.model import Cell, Leaderboard, Row
from srbench.report.render.site.charts.placement import place_names
from srbench.report.render.site.charts.svg import (
    PALETTE_SIZE,
    SHAPES,
    Axis,
    element,
    line,
    marker,
    picture,
    polyline,
    shorten,
    spanning,
    text,
    text_width,
    tick_text,
)
from srbench.report.text import interval

MAX_NAMES = 16
TEXT = 12.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How the rows of one pretraining task are drawn. ``kind``: their class."""

    name: str
    kind: str
    shape: str

    @property
    def swatch(self) -> Markup:
        """The mark alone, for a legend."""
        mark = marker(self.shape, 8, 8, 5, f"point {self.kind}")
        attributes: dict[str, object] = {
            "viewBox": "0 0 16 16", "width": 16, "height": 16, "class": "swatch",
            "aria-hidden": "true",
        }  # fmt: skip
        return element("svg", attributes, [mark])


def looks(board: Leaderboard) -> dict[str, Look]:
    """Label -> how it is drawn: colour and shape by task, hollow where no loss was trained."""
    tasks = sorted({row.task for row in board.rows if row.trained})
    by_task = {
        task: Look(name=task, kind=f"t{i % PALETTE_SIZE}", shape=SHAPES[i % PALETTE_SIZE])
        for i, task in enumerate(tasks)
    }
    none = Look(name="no loss (reference)", kind="tn", shape="circle")
    return {row.label: by_task[row.task] if row.trained else none for row in board.rows}


def plane(
    board: Leaderboard,
    dataset: str,
    axes: tuple[MetricInfo, MetricInfo],
    links: Mapping[str, str],
    *,
    width: int,
    height: int,
) -> Markup:
    """One data set's plane: better distortion to the right, better perception downwards.

    Args:
        axes: (distortion, perceptual) metric.
        links: label -> address of its page.
    """
    keys = [(dataset, metric.name) for metric in axes]
    rows = [row for row in board.rows if all(key in row.cells for key in keys)]
    points = [(row.cells[keys[0]].mean, row.cells[keys[1]].mean) for row in rows]
    lower = (axes[0].lower_is_better, axes[1].lower_is_better)
    left, right, top, bottom = 58.0, width - 14.0, 30.0, height - 46.0
    x = spanning([p[0] for p in points], left, right, margin=0.09, flipped=lower[0])
    y = spanning([p[1] for p in points], bottom, top, margin=0.09, flipped=not lower[1])
    parts = [
        *_grid(x, y, (left, right, top, bottom), few=width < 500),
        text(left, 16, f"{axes[1].heading}  perception", "axis-name"),
        text(right, height - 8, f"distortion  {axes[0].heading}", "axis-name", "end"),
        text(right - 6, bottom - 8, "better ↘", "hint", "end"),
    ]
    pixels = [(x.at(p[0]), y.at(p[1])) for p in points]
    parts += _front(points, pixels, lower)
    styles = looks(board)
    for row, pixel in zip(rows, pixels, strict=True):
        cells = (row.cells[keys[0]], row.cells[keys[1]])
        bars = _bars(cells, pixel, x, y) if board.intervals.kind == "seeds" else []
        parts.append(_point(row, styles[row.label], cells, axes, pixel, bars, links[row.label]))
    named = _named(rows, points, lower, few=width < 500)
    parts += _names(rows, named, pixels, (left, top, right, bottom))
    label = (
        f"Perception-distortion plane of {dataset}: {len(rows)} rows by {axes[0].heading} and "
        f"{axes[1].heading}. The table above holds the same numbers."
    )
    return picture(width, height, label, "plane", parts)


def _grid(x: Axis, y: Axis, box: tuple[float, float, float, float], *, few: bool) -> list[Markup]:
    left, right, top, bottom = box
    parts = []
    ticks = x.ticks(4 if few else 8)
    for value in ticks:
        parts.append(line(x.at(value), top, x.at(value), bottom, "grid"))
        parts.append(text(x.at(value), bottom + 17, tick_text(value, ticks), "tick", "middle"))
    ticks = y.ticks(5 if few else 6)
    for value in ticks:
        parts.append(line(left, y.at(value), right, y.at(value), "grid"))
        parts.append(text(left - 8, y.at(value) + 4, tick_text(value, ticks), "tick", "end"))
    return parts


def _front(
    points: Sequence[Point], pixels: Sequence[Point], lower: tuple[bool, bool]
) -> list[Markup]:
    front = [pixels[i] for i in pareto_front(points, lower=lower)]
    if len(front) < 2:
        return []
    corners = [front[0]]
    for before, after in itertools.pairwise(front):
        # Between two points of the front lies what both rows reach: the worse of each axis.
        corners += [(after[0], before[1]), after]
    return [polyline(corners, "front")]


def _named(
    rows: Sequence[Row], points: Sequence[Point], lower: tuple[bool, bool], *, few: bool
) -> list[int]:
    """Rows whose name is written: all, or the front and the references where that would clutter."""
    if len(rows) <= (MAX_NAMES // 2 if few else MAX_NAMES):
        return list(range(len(rows)))
    front = set(pareto_front(points, lower=lower))
    return [i for i, row in enumerate(rows) if i in front or (row.reference and not few)]


def _names(
    rows: Sequence[Row],
    named: Sequence[int],
    pixels: Sequence[Point],
    frame: tuple[float, float, float, float],
) -> list[Markup]:
    names = [shorten(rows[i].label, 26) for i in named]
    sizes = [(text_width(name, TEXT), TEXT + 3) for name in names]
    places = place_names([pixels[i] for i in named], sizes, frame, pixels)
    parts = []
    for i, name, (box, leader) in zip(named, names, places, strict=True):
        if leader:
            px, py = pixels[i]
            nx, ny = min(max(px, box[0]), box[2]), min(max(py, box[1]), box[3])
            parts.append(line(px, py, nx, ny, "leader"))
        parts.append(text(box[0], box[3] - 4, name, "name"))
    return parts


def _bars(cells: tuple[Cell, Cell], pixel: Point, x: Axis, y: Axis) -> list[Markup]:
    parts = []
    if cells[0].low is not None and cells[0].high is not None:
        ends = [_clip(x, value) for value in (cells[0].low, cells[0].high)]
        parts.append(line(ends[0], pixel[1], ends[1], pixel[1], "bar"))
    if cells[1].low is not None and cells[1].high is not None:
        ends = [_clip(y, value) for value in (cells[1].low, cells[1].high)]
        parts.append(line(pixel[0], ends[0], pixel[0], ends[1], "bar"))
    return parts


def _clip(axis: Axis, value: float) -> float:
    return axis.at(min(max(value, axis.low), axis.high))


def _point(
    row: Row,
    look: Look,
    cells: tuple[Cell, Cell],
    axes: tuple[MetricInfo, MetricInfo],
    pixel: Point,
    bars: list[Markup],
    link: str,
) -> Markup:
    values = []
    for cell, metric in zip(cells, axes, strict=True):
        covered = interval(cell, metric)
        values.append(
            f"{metric.title} {metric.number(cell.mean)}" + (f" ({covered})" if covered else "")
        )
    told = f"{row.label}: {', '.join(values)}"
    area = element("circle", {"cx": pixel[0], "cy": pixel[1], "r": 13, "class": "target"})
    mark = marker(look.shape, pixel[0], pixel[1], 5.5, f"point {look.kind}")
    return element(
        "a",
        {
            "href": link,
            "class": f"spot {look.kind}",
            "data-row": row.label,
        },
        [element("title", {}, [told]), *bars, area, mark],
    )
