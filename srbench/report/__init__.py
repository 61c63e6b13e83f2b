"""The report: tables, statistics, plots. From records alone; never torch."""

from __future__ import annotations

from pathlib import Path

from srbench.report.build import build_leaderboard
from srbench.report.frame import tidy_scores
from srbench.report.model import Cell, Leaderboard, Row
from srbench.report.render.files import leaderboard_csv, write_leaderboard
from srbench.report.render.summary import print_summary
from srbench.report.render.terminal import print_leaderboard
from srbench.report.selection import load_records, split_by_table

__all__ = [
    "Cell",
    "Leaderboard",
    "Row",
    "build_leaderboard",
    "leaderboard_csv",
    "load_records",
    "print_leaderboard",
    "print_summary",
    "split_by_table",
    "tidy_scores",
    "write_leaderboard",
    "write_plots",
]


def write_plots(board: Leaderboard, out: Path) -> tuple[Path, ...]:
    """Write every plot of a leaderboard below ``out/plots`` as SVG and PNG.

    Imported on the call: matplotlib takes longer to import than a table to build.
    """
    from srbench.report.render.matplotlib import write_plots as write

    return write(board, out)
