"""Labels beside points without overlap: greedy, deterministic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from srbench.report.render.matplotlib.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

_ANGLES = (0, 180, 90, 270, 45, 135, 315, 225)
_RADII = (9, 16, 26, 40, 58)


def label_points(
    axes: Axes,
    points: Sequence[tuple[float, float, str]],
    avoid: Sequence[tuple[float, float]] = (),
) -> None:
    """Write each point's text near it; a thin line leads to a label that had to move away.

    Args:
        points: (x, y, text) in data coordinates. Limits of the axes must be final.
        avoid: further points that no label should cover.
    """
    from matplotlib.transforms import Bbox

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    frame = axes.get_window_extent()
    pixels = [axes.transData.transform((x, y)) for x, y, _ in points]
    marks = [*pixels, *(axes.transData.transform(point) for point in avoid)]
    taken = [Bbox.from_extents(x - 6, y - 6, x + 6, y + 6) for x, y in marks]
    for (x, y, text), pixel in zip(points, pixels, strict=True):
        radius, box = _best_box((pixel[0], pixel[1]), _text_size(axes, text), taken, frame)
        taken.append(box)
        _write(axes, (x, y), text, box, leader=radius > _RADII[1])


def _best_box(
    point: tuple[float, float], size: tuple[float, float], taken: Sequence[Bbox], frame: Bbox
) -> tuple[float, Bbox]:
    candidates = [(r, _box(point, size, r, angle)) for r in _RADII for angle in _ANGLES]
    return min(candidates, key=lambda item: _cost(item[1], taken, frame, item[0]))


def _write(axes: Axes, point: tuple[float, float], text: str, box: Bbox, *, leader: bool) -> None:
    where = axes.transData.inverted().transform((box.x0, box.y0))
    line = {"arrowstyle": "-", "color": "#999999", "linewidth": 0.6, "shrinkB": 4}
    axes.annotate(
        text,
        point,
        xytext=(float(where[0]), float(where[1])),
        textcoords="data",
        fontsize=8.5,
        color=INK,
        va="bottom",
        ha="left",
        annotation_clip=False,
        zorder=5,
        bbox={"facecolor": "white", "alpha": 0.72, "edgecolor": "none", "pad": 0.4},
        arrowprops=line if leader else None,
    )


def _text_size(axes: Axes, text: str) -> tuple[float, float]:
    figure = axes.get_figure(root=True)
    assert figure is not None
    probe = axes.text(0, 0, text, fontsize=8.5)
    box = probe.get_window_extent(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    probe.remove()
    return float(box.width), float(box.height)


def _box(
    point: tuple[float, float], size: tuple[float, float], radius: float, angle: float
) -> Bbox:
    from matplotlib.transforms import Bbox

    (x, y), (width, height) = point, size
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    cx = x + cosine * (radius + width / 2)
    cy = y + sine * (radius + height / 2)
    return Bbox.from_bounds(cx - width / 2, cy - height / 2, width, height)


def _cost(box: Bbox, taken: Sequence[Bbox], frame: Bbox, radius: float) -> float:
    from matplotlib.transforms import Bbox

    overlap = 0.0
    for other in taken:
        shared = Bbox.intersection(box, other)
        if shared is not None:
            overlap += shared.width * shared.height
    inside = Bbox.intersection(box, frame)
    outside = box.width * box.height - (0.0 if inside is None else inside.width * inside.height)
    return 10.0 * overlap + 20.0 * outside + radius
