"""What a run shows at its end: the table, plots, comparison pictures and the site."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from srbench import __version__
from srbench.app.pictures import write_comparisons
from srbench.files import file_sha256, locked, sha256_hex
from srbench.records import record_files
from srbench.records.derived import Derived
from srbench.records.layout import OutFolder
from srbench.report import Leaderboard, build_leaderboard, write_leaderboard, write_plots
from srbench.report.render.site import publish
from srbench.run.plan.planning import Plan
from srbench.run.plan.targets import Target


def show(plan: Plan, out: OutFolder, targets: Sequence[Target]) -> tuple[Leaderboard, Path]:
    """Write all of it into the out folder; the table over all its records, and the first page."""
    with locked(out.root / ".report.lock", "writes the tables of this run"):
        seeds = sorted({cell.seed for cell in plan.cells if cell.row.kind.generated})
        board = build_leaderboard(out.root, seeds=seeds)
        write_leaderboard(board, out.root)
        shown = {
            "leaderboard": file_sha256(out.root / "leaderboard.json"),
            "records": sha256_hex(" ".join(file_sha256(path) for path in record_files(out.root))),
            "srbench": __version__,
        }
        _plots(board, out, shown)
        write_comparisons(plan, out, board, targets)
        return board, _page(out, shown, seeds)


def _page(out: OutFolder, shown: dict[str, str], seeds: Sequence[int]) -> Path:
    """Publish the site into the out folder, unless it shows this very table; its first page."""
    site = Derived(out.site)
    if not site.is_current(shown):
        if site.folder.exists() and not site.untouched():
            shutil.rmtree(site.folder)  # somebody changed a file: none of it is relied on
        site.forget()
        publish([out.root], out.site, seeds=seeds)
        site.note(shown)
    return out.site / "index.html"


def _plots(board: Leaderboard, out: OutFolder, shown: dict[str, str]) -> None:
    """Draw the plots unless they show this very table: drawing takes longer than a rerun."""
    plots = Derived(out.root / "plots")
    if not plots.is_current(shown):
        plots.forget()
        for old in plots.folder.glob("*.*g"):
            old.unlink()  # of rows or data sets that are gone
        write_plots(board, out.root)
        plots.note(shown)
