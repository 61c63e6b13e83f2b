"""A whole run: train, score, and put the records together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srbench.files import available_cores
from srbench.records import Record, read_record
from srbench.run.exec.failures import Outcome
from srbench.run.exec.local import Executor, LocalExecutor, Observer, visible_gpus
from srbench.run.exec.locks import one_at_a_time
from srbench.run.exec.process import WORKER
from srbench.run.layout import OutFolder, row_folder, write_json, writing_to
from srbench.run.plan.jobs import Job
from srbench.run.plan.keys import content_key
from srbench.run.plan.planning import Plan
from srbench.run.plan.targets import scoring_request, targets
from srbench.run.records import assemble_records
from srbench.settings import Suite


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """What the execution of a plan left behind.

    Attributes:
        paths: files of this run's records.
        outcomes: job key -> how it ended.
        failed: titles of the jobs that failed, with the reason.
    """

    paths: tuple[Path, ...]
    outcomes: Mapping[str, Outcome]
    failed: tuple[str, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """The records, read anew."""
        return tuple(read_record(path) for path in self.paths)


def execute_plan(
    plan: Plan,
    out: OutFolder,
    observer: Observer,
    *,
    parallel: int = 1,
    executor: Executor | None = None,
) -> Execution:
    """Run everything that has no result yet. Rerunning after any kind of end continues.

    Args:
        parallel: workers at once on this machine.
        executor: where training jobs run; this machine where it is left out. Scoring runs here.

    Raises:
        SrbenchError: an input is missing; nothing was started.
        OutFolderError: the out folder could not be written.
        KeyboardInterrupt: after the workers wrote their checkpoints.
    """
    check_ready(plan)
    with writing_to(out):
        write_json(out.root / "suite.json", plan.suite.model_dump(mode="json", by_alias=True))
        write_json(out.plan, _names(plan))
        local = local_executor(out, observer, device=plan.device, parallel=parallel)
        outcomes = (executor or local).run(plan.jobs)
        # One run at a time: what the other has scored and recorded meanwhile is not done again.
        with one_at_a_time(
            out.root / ".scoring.lock",
            lambda: observer.job_event(_scoring_job("", {}), {"event": "waiting"}),
        ):
            outcomes.update(_score(plan, out, replace(local, parallel=1)))
            paths = assemble_records(plan, out)
    return Execution(
        paths=tuple(paths),
        outcomes=outcomes,
        failed=_failures(plan, outcomes),
    )


def _names(plan: Plan) -> dict[str, list[str]]:
    rows = {row_folder(c.row.label, c.seed, c.content_scale) for c in plan.cells}
    return {"jobs": sorted(job.key for job in plan.jobs), "rows": sorted(rows)}


def local_executor(
    out: OutFolder,
    observer: Observer,
    *,
    device: str,
    parallel: int,
    command: Sequence[str] = WORKER,
) -> LocalExecutor:
    """The executor of this machine: each worker sees one of the visible GPUs."""
    return LocalExecutor(
        out=out, observer=observer, parallel=parallel, gpus=_gpus(device), command=command
    )


def default_jobs(suite: Suite, device: str) -> int:
    """Workers at once where the user does not say.

    One per visible GPU. On CPU as many as the cores hold where the suite fixes the threads per job,
    else one that has all cores.
    """
    if device == "cuda":
        return max(1, len(_gpus(device)))
    threads = suite.execution.threads
    return max(1, available_cores() // threads) if threads else 1


def check_ready(plan: Plan) -> None:
    """Refuse to start on a missing input.

    Raises:
        SrbenchError: the first problem; the others are named too.
    """
    problems = plan.inputs.problems
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    first = problems[0]
    others = "; ".join(problem.what for problem in problems[1:])
    raise type(first)(f"{first.what}. Also missing: {others}", first.fix)


def _score(plan: Plan, out: OutFolder, executor: LocalExecutor) -> dict[str, Outcome]:
    """One worker makes and scores the images of all cells that lack them."""
    wanted = [t for t in targets(plan, out) if t.missing(out) or not t.images_ready(out)]
    if not wanted:
        return {}
    workers = 1 if plan.device == "cuda" else available_cores()
    request = scoring_request(plan, out, wanted, workers)
    request["limits"] = plan.suite.limits.model_dump(mode="json")
    key = content_key({"kind": "scoring", **request})  # names the job's folder, nothing more
    out.result(key).unlink(missing_ok=True)  # its images may have been removed since
    return executor.run([_scoring_job(key, request)])


def _scoring_job(key: str, request: Mapping[str, Any]) -> Job:
    return Job(
        key=key, kind="scoring", label="scores", seed=0, content_scale=1.0, request=request
    )  # fmt: skip


def _gpus(device: str) -> list[str]:
    if device != "cuda":
        return []
    import torch

    return visible_gpus(torch.cuda.device_count)


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
