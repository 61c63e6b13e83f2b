"""How every plot looks, and how it becomes the same bytes each time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with any colour vision; shapes repeat the distinction.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
GREY = "#8a8a8a"
INK = "#222222"

_SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # ships inside matplotlib
    "font.size": 9.5,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#666666",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "srbench",
    "text.parse_math": False,  # a $ in a label is a $
}


@contextmanager
def plot_style() -> Iterator[None]:
    """Matplotlib with the report's settings, whatever the user's own are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def new_figure(width: float, height: float) -> Figure:
    """A figure without pyplot: no global state, no window, ``width`` x ``height`` inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write ``name.svg`` and ``name.png`` without dates, so that equal plots are equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    svg, png = folder / f"{name}.svg", folder / f"{name}.png"
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    figure.savefig(png, metadata={"Software": None})
    return svg, png


def file_name(*parts: str) -> str:
    """A file name from hostile strings: letters, digits, dots and dashes only."""
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-.") or "x" for part in parts)


def short(text: str, length: int = 34) -> str:
    """A label that fits a plot."""
    return text if len(text) <= length else text[: length - 1] + "…"


def footnote(figure: Figure, text: str) -> None:
    """A line below the plot that says what is shown."""
    import textwrap

    characters = int(figure.get_size_inches()[0] * 15.5)
    figure.supxlabel(
        "\n".join(textwrap.wrap(text, characters)), x=0.01, ha="left", fontsize=8, color="#555555"
    )
