"""What the command line and the Python API do with several rooms at once: run, then report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from srbench import __version__
from srbench.files import file_sha256
from srbench.records import Record, read_record
from srbench.report import Leaderboard, build_leaderboard, write_leaderboard, write_plots
from srbench.report.site import publish
from srbench.run.exec.failures import Outcome
from srbench.run.exec.local import Executor, Observer
from srbench.run.exec.locks import lock_at
from srbench.run.layout import OutFolder, read_json, write_json, writing_to
from srbench.run.plan.planning import Plan
from srbench.run.suite_run import execute_plan
from srbench.workflow.pictures import write_comparisons

__all__ = ["RunResult", "run_and_report"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """What a run left behind.

    Attributes:
        out: the out folder.
        paths: files of this run's records.
        leaderboard: the table over all records in the out folder.
        outcomes: job key -> how it ended.
        failed: titles of the jobs that failed, with the reason.
        page: the table as a page, to be opened in a browser.
    """

    out: Path
    paths: tuple[Path, ...]
    leaderboard: Leaderboard
    outcomes: Mapping[str, Outcome]
    failed: tuple[str, ...]
    page: Path

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of this run's rows, read anew."""
        return tuple(read_record(path) for path in self.paths)


def run_and_report(
    plan: Plan,
    out: OutFolder,
    observer: Observer,
    *,
    parallel: int = 1,
    executor: Executor | None = None,
) -> RunResult:
    """Execute a plan, then write the table, the plots, the comparison pictures and the site.

    Args:
        parallel: workers at once on this machine.
        executor: where training jobs run; this machine where it is left out.

    Raises:
        SrbenchError: an input is missing; nothing was started.
        OutFolderError: the out folder could not be written.
        KeyboardInterrupt: after the workers wrote their checkpoints.
    """
    done = execute_plan(plan, out, observer, parallel=parallel, executor=executor)
    with writing_to(out), lock_at(out.root / ".report.lock"):
        board = build_leaderboard(out.root)
        write_leaderboard(board, out.root)
        _plots(board, out)
        write_comparisons(plan, out, board)
        page = _page(out)
    return RunResult(
        out=out.root,
        paths=done.paths,
        leaderboard=board,
        outcomes=done.outcomes,
        failed=done.failed,
        page=page,
    )


def _page(out: OutFolder) -> Path:
    """Publish the site into the out folder, unless it shows this very table; its first page."""
    note, index = out.site / ".source.json", out.site / "index.html"
    shown = {"leaderboard": file_sha256(out.root / "leaderboard.json"), "srbench": __version__}
    if read_json(note) != shown or not index.exists():
        note.unlink(missing_ok=True)
        index = publish([out.root], out.site).index
        write_json(note, shown)
    return index


def _plots(board: Leaderboard, out: OutFolder) -> None:
    """Draw the plots unless they show this very table: drawing takes longer than a rerun."""
    note = out.root / "plots" / ".source.json"
    shown = {"leaderboard": file_sha256(out.root / "leaderboard.json")}
    if read_json(note) == shown:
        return
    write_plots(board, out.root)
    write_json(note, shown)
