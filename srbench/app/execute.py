"""A whole run: train, score, put the records together, and show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.app.prepare import Prepared
from srbench.errors import JobFailed
from srbench.files import locked
from srbench.records import Record, read_record
from srbench.records.layout import OutFolder, row_folder
from srbench.run.code import settle
from srbench.run.exec.backends import Place, backend
from srbench.run.exec.failures import Outcome
from srbench.run.exec.progress import RunProgress
from srbench.run.exec.scheduler import Backend, Observer, Scheduler
from srbench.run.plan.planning import Plan, check_ready
from srbench.run.plan.targets import Target, scoring_job, scoring_jobs, stale_hr, targets
from srbench.run.records import assemble_records
from srbench.run.writing import write_json, writing_to

if TYPE_CHECKING:
    from rich.console import Console

    from srbench.report import Leaderboard


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """What the execution of a plan left behind.

    Attributes:
        paths: files of this run's records.
        outcomes: job key -> how it ended.
        failed: titles of the jobs that failed, with the reason.
        targets: every row on every test set, with the keys of its scores.
    """

    paths: tuple[Path, ...]
    outcomes: Mapping[str, Outcome]
    failed: tuple[str, ...]
    targets: tuple[Target, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """The records, read anew."""
        return tuple(read_record(path) for path in self.paths)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult(Execution):
    """What a run left behind.

    Attributes:
        out: the out folder.
        leaderboard: the table over all records in the out folder.
        page: the table as a page, to be opened in a browser.
    """

    out: Path
    leaderboard: Leaderboard
    page: Path


def execute(
    prepared: Prepared,
    console: Console,
    *,
    executor: str = "local",
    storage: str | None = None,
    executor_options: Mapping[str, Any] | None = None,
    command: str = "",
    fresh: Sequence[str] = (),
    accept_code_change: bool = False,
) -> RunResult:
    """Run everything that has no result yet, then write the table, the pictures and the page.

    Rerunning after any kind of end continues.

    Args:
        console: shows the progress.
        executor: where jobs run, a name of :data:`srbench.run.exec.backends.BACKENDS`.
        storage: URL that jobs' files travel through, where no file system is shared.
        executor_options: what Slurm is told, see :class:`srbench.run.exec.slurm.SlurmBackend`.
        command: what the user typed, for messages that say how to go on.
        fresh: labels of rows to train anew, see :func:`srbench.run.code.settle`.
        accept_code_change: keep results of losses that were edited under one version.

    Raises:
        SrbenchError: an input is missing, or a loss was edited; nothing was started.
        JobFailed: there is nothing to show; the message has the reasons.
        OutFolderError: the out folder could not be written.
        KeyboardInterrupt: after the workers wrote their checkpoints.
    """
    plan, out = prepared.plan, prepared.out
    at_once = prepared.parallel if executor == "local" else prepared.jobs
    place = Place(
        out=out, device=plan.device, threads=plan.threads, at_once=at_once, storage=storage,
        options=executor_options or {},
    )  # fmt: skip
    where = backend(executor, place)
    check_ready(plan)
    with writing_to(out):
        settle(plan, out, fresh=fresh, accept=accept_code_change)
    with watched(plan, out, console) as observer:
        done = execute_plan(plan, out, observer, where, command=command)
        if not done.paths:
            raise JobFailed("nothing could be scored: " + "; ".join(done.failed))
        # Tables need statistics, 2 s of imports, which the first worker does not wait for.
        from srbench.app.outcome import show

        board, page = show(plan, out, done.targets)
    return RunResult(
        paths=done.paths, outcomes=done.outcomes, failed=done.failed, targets=done.targets,
        out=out.root, leaderboard=board, page=page,
    )  # fmt: skip


@contextmanager
def watched(plan: Plan, out: OutFolder, console: Console) -> Iterator[RunProgress]:
    """The progress display of a run that is ready to start, and explanations of a failing disk."""
    check_ready(plan)
    with writing_to(out), RunProgress(console, out, plan.jobs) as observer:
        yield observer


def execute_plan(
    plan: Plan, out: OutFolder, observer: Observer, where: Backend, *, command: str = ""
) -> Execution:
    """As :func:`execute`, without table, pictures and page."""
    check_ready(plan)
    with writing_to(out), where.kept():
        write_json(out.suite, plan.suite.model_dump(mode="json", by_alias=True))
        write_json(out.plan, {**_names(plan), "command": command})
        outcomes = Scheduler(out, observer, where).run(plan.jobs)
        found = targets(plan, out)
        # One run at a time: what the other has scored and recorded meanwhile is not done again.
        with locked(
            out.root / ".scoring.lock",
            "scores this run",
            lambda: observer.job_event(scoring_job(plan, out, (), 1), {"event": "waiting"}),
        ):
            outcomes |= _score(plan, out, found, observer, where)
            paths = assemble_records(plan, out, found)
    return Execution(
        paths=tuple(paths),
        outcomes=outcomes,
        failed=_failures(plan, outcomes),
        targets=tuple(found),
    )


def _names(plan: Plan) -> dict[str, list[str]]:
    rows = {row_folder(c.row.label, c.seed, c.content_scale) for c in plan.cells}
    return {"jobs": sorted(job.key for job in plan.jobs), "rows": sorted(rows)}


def _score(
    plan: Plan, out: OutFolder, found: Sequence[Target], observer: Observer, where: Backend
) -> dict[str, Outcome]:
    """Workers make and score the images of all cells that lack them."""
    stale = stale_hr(plan, out)
    wanted = [t for t in found if t.dataset in stale or t.missing(out) or not t.images_ready(out)]
    jobs = scoring_jobs(plan, out, wanted, *where.scoring_shares()) if wanted else []
    for job in jobs:
        out.result(job.key).unlink(missing_ok=True)  # its images may have been removed since
    return Scheduler(out, observer, where).run(jobs)


def _failures(plan: Plan, outcomes: Mapping[str, Outcome]) -> tuple[str, ...]:
    titles = {job.key: job.title for job in plan.jobs}
    return tuple(
        f"{titles.get(key, 'scoring')}: {_reason(outcome)}"
        for key, outcome in outcomes.items()
        if outcome.status != "finished"
    )


def _reason(outcome: Outcome) -> str:
    if outcome.failure is None:
        return "stopped before its end; the same command continues it"
    return outcome.failure.message
