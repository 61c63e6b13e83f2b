"""Drawings as files, SVG and PNG, by matplotlib. Same records, same bytes."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

from srbench.errors import UserError, plain
from srbench.report.figures.agreement import agreement
from srbench.report.figures.curves import curve_sets, training, validation
from srbench.report.figures.differences import differences, share_scores
from srbench.report.figures.drawing import Box, Drawing, Label, Line, Part, Spot
from srbench.report.figures.outlines import OUTLINES
from srbench.report.figures.plane import plane
from srbench.report.figures.ranks import ranks
from srbench.report.figures.scales import scales
from srbench.report.metrics import plane_metrics
from srbench.report.model import Leaderboard
from srbench.report.place import leading_place
from srbench.report.second_view import second_views

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with any colour vision; shapes repeat the distinction.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195")
_INK, _SOFT, _GREY, _PAPER = "#222222", "#555555", "#8a8a8a", "white"
_PALETTE = {**{f"t{i}": colour for i, colour in enumerate(_COLOURS)}, "tn": _GREY}

_HALO = {"facecolor": _PAPER, "alpha": 0.72, "edgecolor": "none", "pad": 0.4}
_STYLES: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(
    {
        "grid": {"color": "#e6e6e6", "linewidth": 0.8},
        "axis": {"color": _INK, "linewidth": 1.2},
        "leader": {"color": "#999999", "linewidth": 0.6},
        "stem": {"color": _GREY, "linewidth": 0.9},
        "tie": {"color": _COLOURS[1], "linewidth": 3.5, "solid_capstyle": "round"},
        "front": {"color": "#bbbbbb", "linewidth": 4, "alpha": 0.55, "solid_joinstyle": "round"},
        "bar": {"linewidth": 1, "alpha": 0.45},
        "curve": {"linewidth": 1.3},
        "band": {"alpha": 0.12, "linewidth": 0},
        "other": {"color": "#d5d5d5", "linewidth": 0.8},
        "mean": {"color": _GREY, "linewidth": 1.2, "linestyle": "--"},
        "point": {"edgecolor": _PAPER, "linewidth": 0.7},
        "ring": {"facecolor": "none", "edgecolor": _COLOURS[1], "linewidth": 1.6},
        "dot": {"facecolor": _INK, "alpha": 0.6},
        "win": {"facecolor": _COLOURS[0], "alpha": 0.75},
        "loss": {"facecolor": _COLOURS[1], "alpha": 0.75},
        "agree": {"facecolor": _COLOURS[2], "alpha": 0.3},
        "oppose": {"facecolor": _COLOURS[3], "alpha": 0.4},
        "tick": {"color": _SOFT, "fontsize": 8},
        "hint": {"color": _SOFT, "fontsize": 8},
        "axis-name": {"color": _SOFT, "fontsize": 9},
        "score": {"color": _INK, "fontsize": 9, "zorder": 5},
        "name": {"color": _INK, "fontsize": 9, "zorder": 5, "bbox": _HALO},
    }
)
"""How a kind of part looks, as keywords of matplotlib; ``target``, what a pointer hits, is not."""

_SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # ships inside matplotlib
    "savefig.dpi": 150,
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "srbench",
    "text.parse_math": False,  # a $ in a label is a $
}
_MARGIN, _LINE = 14, 15


def write_plots(board: Leaderboard, out: Path) -> tuple[Path, ...]:
    """Write every picture below ``out/plots`` and return the files.

    Per data set: the perception-distortion plane, the content-scale curves in it, the
    critical-difference diagram, the agreement of the metrics and the image-by-image difference of
    the two best rows; then validation and training curves. A picture that the records cannot fill
    is left out.
    """
    return _write(_drawings(board), out / "plots")


def write_comparison(board: Leaderboard, out: Path, first: str, second: str) -> tuple[Path, ...]:
    """The image-by-image difference of any two rows, for every data set that both are scored on.

    It is of the rank metric, or where the two are not scored by that, of the first that they share.

    Raises:
        UserError: they share no score.
    """
    metrics = sorted((m.name for m in board.metrics), key=lambda name: name != board.rank_metric)
    shared = {
        dataset: [m for m in metrics if share_scores(board, first, second, dataset, m)]
        for dataset in board.datasets
    }
    if not any(shared.values()):
        raise UserError(
            f"expected two rows with scores by one metric, got {first!r} and {second!r}, which "
            "share none"
        )
    drawn = (
        (
            file_name("images", dataset, first, "minus", second),
            differences(board, first, second, dataset=dataset, metric=found[0]),
        )
        for dataset, found in shared.items()
        if found
    )
    return _write(drawn, out / "plots")


def file_name(*parts: str) -> str:
    """A file name from hostile strings: letters, digits, dots and dashes only."""
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-.") or "x" for part in parts)


def _drawings(board: Leaderboard) -> Iterator[tuple[str, Drawing]]:
    axes = plane_metrics(board.metrics)
    views = {view.dataset: view for view in second_views(board)}
    places = {row.label: leading_place(board, row.label).rank for row in board.rows}
    ranked = {label: rank for label, rank in places.items() if rank is not None}
    best = sorted(ranked, key=ranked.__getitem__)[:2]
    for dataset in board.datasets:
        if axes is not None:
            if (drawing := plane(board, dataset, axes)) is not None:
                yield file_name("plane", dataset), drawing
            if (drawing := scales(board, dataset, axes)) is not None:
                yield file_name("scales", dataset), drawing
        if dataset in views:
            yield file_name("critical-difference", dataset), ranks(board, views[dataset])
        if len(best) == 2 and all((dataset, board.rank_metric) in board.row(b).cells for b in best):
            yield (
                file_name("images", dataset),
                differences(board, *best, dataset=dataset, metric=board.rank_metric),
            )
    for table in board.correlations:
        yield file_name("agreement", table.dataset), agreement(board, table)
    for found in curve_sets(board, log=False):
        yield file_name("validation", found.name), validation(board, found)
    if (drawing := training(board)) is not None:
        yield "training", drawing


def plane_png(board: Leaderboard) -> bytes | None:
    """The plane of the headline's data set, or the first one; ``None`` where no row is in it."""
    axes = plane_metrics(board.metrics)
    dataset = next((h.dataset for h in board.headlines), board.datasets[0])
    drawing = None if axes is None else plane(board, dataset, axes)
    if drawing is None:
        return None
    stream = io.BytesIO()
    with _settings():
        _figure(drawing).savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


@contextmanager
def _settings() -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def _write(drawings: Iterator[tuple[str, Drawing]], folder: Path) -> tuple[Path, ...]:
    paths: list[Path] = []
    with _settings():
        for name, drawing in drawings:
            paths += _save(drawing, folder, name)
    return tuple(paths)


def _save(drawing: Drawing, folder: Path, name: str) -> tuple[Path, Path]:
    """Write ``name.svg`` and ``name.png`` without dates, so that equal plots are equal bytes."""
    figure = _figure(drawing)
    folder.mkdir(parents=True, exist_ok=True)
    svg, png = folder / f"{name}.svg", folder / f"{name}.png"
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    figure.savefig(png, metadata={"Software": None})
    return svg, png


def _figure(drawing: Drawing) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = max(drawing.width, 420) + 2 * _MARGIN
    title = textwrap.wrap(plain(drawing.title), int(width / 8))
    note = textwrap.wrap(plain(drawing.note), int(width / 6))
    above = _MARGIN + _LINE * 1.4 * len(title)
    height = above + drawing.height + _MARGIN + _LINE * len(note) + _MARGIN
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-_MARGIN, width - _MARGIN)
    axes.set_ylim(height - above, -above)
    for index, words in enumerate(reversed(title)):
        axes.text(0, -8 - 1.4 * _LINE * index, words, fontsize=11, color=_INK)
    for index, words in enumerate(note):
        below = drawing.height + _MARGIN + _LINE * (index + 0.6)
        axes.text(0, below, words, fontsize=8, color=_SOFT)
    for part in drawing.parts:
        _draw(axes, part)
    return figure


def _style(kind: str, *, line: bool = False) -> dict[str, Any]:
    """The keywords of every word of a kind; the palette's colours a line, or else a face."""
    found: dict[str, Any] = {}
    for word in kind.split():
        if word in _PALETTE:
            found["color" if line else "facecolor"] = _PALETTE[word]
        else:
            found |= _STYLES.get(word, {})
    if kind.endswith(" tn") and not line:
        found |= {"facecolor": _PAPER, "edgecolor": _GREY, "linewidth": 1.6}
    return found


def _draw(axes: Axes, part: Part, within: str = "") -> None:
    from matplotlib.patches import Circle, Polygon, Rectangle

    if isinstance(part, Spot):
        for inner in part.parts:
            _draw(axes, inner, part.kind)
    elif isinstance(part, Line) and part.kind.startswith("band "):
        axes.fill(*zip(*part.points, strict=True), **_style(part.kind))
    elif isinstance(part, Line):
        kind = f"{part.kind} {within.rpartition(' ')[2]}" if part.kind == "bar" else part.kind
        axes.plot(*zip(*part.points, strict=True), **_style(kind, line=True))
    elif isinstance(part, Label):
        place = {"start": "left", "middle": "center", "end": "right"}[part.anchor]
        axes.text(*part.at, plain(part.text), ha=place, va="baseline", **_style(part.kind))
    elif isinstance(part, Box):
        axes.add_patch(Rectangle(part.at, part.width, part.height, zorder=2, **_style(part.kind)))
    elif part.kind != "target":
        (x, y), r = part.at, part.radius
        style = {"zorder": 3, **_style(part.kind)}
        if part.shape == "circle":
            axes.add_patch(Circle((x, y), r, **style))
        else:
            outline = [(x + r * dx, y + r * dy) for dx, dy in OUTLINES[part.shape]]
            axes.add_patch(Polygon(outline, closed=True, **style))
