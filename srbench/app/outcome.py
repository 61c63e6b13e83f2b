"""What a run shows at its end: the table, plots, comparison pictures and the site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from srbench import __version__
from srbench.app.pictures import write_comparisons
from srbench.files import file_sha256, locked
from srbench.records.layout import OutFolder
from srbench.report import Leaderboard, build_leaderboard, write_leaderboard, write_plots
from srbench.report.render.site import publish
from srbench.run.plan.planning import Plan
from srbench.run.plan.targets import Target
from srbench.run.writing import read_json, write_json


def show(plan: Plan, out: OutFolder, targets: Sequence[Target]) -> tuple[Leaderboard, Path]:
    """Write all of it into the out folder; the table over all its records, and the first page."""
    with locked(out.root / ".report.lock", "writes the tables of this run"):
        seeds = sorted({cell.seed for cell in plan.cells if cell.row.kind.generated})
        board = build_leaderboard(out.root, seeds=seeds)
        write_leaderboard(board, out.root)
        shown = {"leaderboard": file_sha256(out.root / "leaderboard.json"), "srbench": __version__}
        _plots(board, out, shown)
        write_comparisons(plan, out, board, targets)
        return board, _page(out, shown, seeds)


def _page(out: OutFolder, shown: dict[str, str], seeds: Sequence[int]) -> Path:
    """Publish the site into the out folder, unless it shows this very table; its first page."""
    note, index = out.site / ".source.json", out.site / "index.html"
    if read_json(note) != shown or not index.exists():
        note.unlink(missing_ok=True)
        index = publish([out.root], out.site, seeds=seeds).index
        write_json(note, shown)
    return index


def _plots(board: Leaderboard, out: OutFolder, shown: dict[str, str]) -> None:
    """Draw the plots unless they show this very table: drawing takes longer than a rerun."""
    note = out.root / "plots" / ".source.json"
    if read_json(note) != shown:
        write_plots(board, out.root)
        write_json(note, shown)
