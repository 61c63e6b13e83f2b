"""What runs on a node of a cluster: one worker process, watched to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from srbench.records import Failure
from srbench.records.layout import OutFolder
from srbench.run.exec.failures import Outcome
from srbench.run.exec.node_versions import node_versions, version_differences
from srbench.run.exec.process import GRACE_SECONDS, POLL_SECONDS, WorkerProcess
from srbench.run.exec.storage import Storage
from srbench.run.plan.jobs import Job
from srbench.run.plan.kinds import job_from_document
from srbench.run.plan.targets import made_by

PUSH_SECONDS = 30.0
"""How often new checkpoints are looked for and pushed to a storage."""


def run_job(
    root: str,
    document: Mapping[str, Any],
    expected: Mapping[str, str],
    storage_url: str | None = None,
) -> dict[str, Any]:
    """The task of a cluster: one worker process on this node, watched to its end.

    Args:
        root: the shared out folder; not used where there is a storage.
        document: the job's.
        expected: versions of the machine that asks.
        storage_url: where the job's files come from and go to.
    """
    job = job_from_document(document)
    different = version_differences(expected, node_versions()())
    if different:  # a node that joined after the check
        failure = Failure(kind="versions", message=f"this node differs: {'; '.join(different)}")
        return {"status": "failed", "failure": failure.model_dump(mode="json")}
    if storage_url is None:
        outcome = _watch(job, OutFolder(Path(root)), lambda: None)
    else:
        outcome = _run_in_scratch(job, Storage(storage_url))
    failed = outcome.failure
    return {
        "status": outcome.status,
        "failure": None if failed is None else failed.model_dump(mode="json"),
    }


def outcome_of(document: Mapping[str, Any]) -> Outcome:
    """Inverse of what :func:`run_job` returns."""
    failed = document["failure"]
    failure = None if failed is None else Failure.model_validate(failed)
    return Outcome(status=document["status"], failure=failure)


def _watch(job: Job, out: OutFolder, each_turn: Callable[[], None]) -> Outcome:
    worker = WorkerProcess(job, out)
    try:
        while (outcome := worker.poll()) is None:
            worker.events()  # for its sign of life; the driver reads the file itself
            each_turn()
            time.sleep(POLL_SECONDS)
    except BaseException:
        worker.stop()
        worker.wait(GRACE_SECONDS)
        raise
    return outcome


def _run_in_scratch(job: Job, storage: Storage) -> Outcome:
    """Run in a folder of this machine, with the job's files fetched and pushed."""
    out, last = storage.scratch(), time.monotonic()
    for need in job.needs:
        storage.fetch(out, need)
    if storage.fetch(out, job.key):
        return Outcome(status="finished")

    def push_now_and_then() -> None:
        nonlocal last
        if time.monotonic() - last >= PUSH_SECONDS:
            storage.push(out, job.key)
            last = time.monotonic()

    try:
        return _watch(job, out, push_now_and_then)
    finally:
        storage.pack(out, job.key, made_by(job, out))
        storage.push(out, job.key)
