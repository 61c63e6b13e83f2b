"""Out folders as they lie on disk: what is there, what it cost, what nothing needs any more."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.errors import RecordError, UserError
from srbench.files import has_link
from srbench.records import Record, read_record
from srbench.records.layout import OutFolder, row_folder
from srbench.run.exec.failures import read_failure
from srbench.run.exec.locks import is_locked
from srbench.run.plan.jobs import Job
from srbench.run.plan.kinds import job_from_document
from srbench.run.plan.tasks import TrainingTask
from srbench.run.work.loggers import LOGGERS
from srbench.run.writing import read_json

_RECORD_NAME = re.compile(r"[0-9a-f]{64}\.json")

CHECKPOINTS = ("checkpoint-*.pt", "damaged-*", ".tmp-*")


def find_runs(root: Path) -> list[OutFolder]:
    """Out folders at ``root`` and one level below it."""
    candidates = [root, *sorted(root.glob("*"))] if root.is_dir() else []
    return [OutFolder(path) for path in candidates if OutFolder(path).suite.is_file()]


def open_run(path: Path) -> OutFolder:
    """The out folder at ``path``.

    Raises:
        UserError: there is none.
    """
    if not OutFolder(path).suite.is_file():
        raise UserError(
            f"expected the out folder of a run, found no suite.json in {path}",
            "`srbench runs list DIR` finds out folders",
        )
    return OutFolder(path)


def summarise_run(out: OutFolder) -> dict[str, Any]:
    """One run in a few numbers: rows by status, hours of training, bytes on disk."""
    suite = read_json(out.suite) or {}
    status = {"finished": 0, "failed": 0, "collapsed": 0}
    seconds: dict[str, float] = {}
    for record in _records(out):
        status[record.status] += 1
        if record.cost is not None:
            # Rows may share one job: what it cost counts once.
            seconds[record.keys.get("training", record.key)] = record.cost.seconds
    return {
        "out": str(out.root),
        "suite": suite.get("name", "unknown"),
        "version": suite.get("version"),
        **status,
        "hours": sum(seconds.values()) / 3600,
        "bytes": _size(out.root),
    }


def describe_jobs(out: OutFolder) -> list[dict[str, Any]]:
    """Every training job that was ever started here."""
    described = []
    for job in _jobs(out):
        result = read_json(out.result(job.key))
        failure = None if result else read_failure(out, job.key)
        state = "finished" if result else "failed" if failure else "unfinished"
        if state == "unfinished" and is_locked(out.checkpoint(job.key)):
            state = "running"
        if result and result.get("collapsed"):
            state = "collapsed"
        described.append(
            {
                "key": job.key,
                "title": job.title,
                "kind": job.kind.name,
                "state": state,
                "seconds": (result or {}).get("cost", {}).get("seconds"),
                "bytes": _size(out.checkpoint(job.key)),
                "reason": failure.message if failure else (result or {}).get("collapsed"),
            }
        )
    return described


@dataclass(frozen=True, kw_only=True, slots=True)
class Garbage:
    """Something that can be removed, and why."""

    out: OutFolder
    path: Path
    reason: str
    bytes: int
    job: str | None = None

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {"path": str(self.path), "reason": self.reason, "bytes": self.bytes}


def garbage(out: OutFolder, *, unfinished: bool = False) -> list[Garbage]:
    """What no record, no unfinished work and not the latest run needs. Nothing is removed.

    While a job is running, that is checkpoints of finished jobs alone.

    Args:
        unfinished: also jobs without a result that no record names. They may be of a run that was
            interrupted before its first record, so they are kept by default.

    Raises:
        RecordError: a record cannot be read, so what it names is not known.
    """
    for path in out.records.glob("*.json"):
        if _RECORD_NAME.fullmatch(path.name):
            read_record(path)
    records = list(_records(out))
    jobs = {job.key: job for job in _jobs(out)}
    latest = read_json(out.plan) or {"jobs": [], "rows": []}
    # What was trained but not yet scored is in no record: the latest run's plan names it.
    named = _needed(records, jobs) | set(latest["jobs"])
    if any(is_locked(out.checkpoint(key)) for key in jobs):
        return [i for key in sorted(named) if out.result(key).exists()
                for i in _checkpoints(out, out.checkpoint(key))]  # a run is at work  # fmt: skip
    found: list[Garbage] = []
    for folder in sorted((out.root / "checkpoints").glob("*")):
        key = folder.name
        finished = out.result(key).exists()
        if key in named or (not finished and not unfinished):
            if finished:
                found += _checkpoints(out, folder)
            continue
        for path in (folder, out.job(key)):
            if path.exists():
                found.append(_item(out, path, "no record names this job", key))
    found += _rows(out, records, set(latest["rows"]))
    return [item for item in found if not has_link(out.root, item.path)]


def collect_garbage(items: Iterable[Garbage]) -> list[Garbage]:
    """Remove them, except what belongs to a job that runs now; returns what was removed.

    Nothing is removed through a link: what it leads to is not this run's.
    """
    removed = []
    for item in items:
        if has_link(item.out.root, item.path):
            continue
        if item.job is not None and is_locked(item.out.checkpoint(item.job)):
            continue
        if item.path.is_dir():
            shutil.rmtree(item.path)
        else:
            item.path.unlink(missing_ok=True)
        removed.append(item)
    return removed


def _needed(records: list[Record], jobs: dict[str, Job]) -> set[str]:
    """Jobs that records name, and all that those needed."""
    queue = [key for record in records if (key := record.keys.get("training"))]
    needed: set[str] = set()
    while queue:
        key = queue.pop()
        if key not in needed:
            needed.add(key)
            queue.extend(jobs[key].needs if key in jobs else ())
    return needed


def _checkpoints(out: OutFolder, folder: Path) -> Iterator[Garbage]:
    for pattern in CHECKPOINTS:
        for path in sorted(folder.glob(pattern)):
            yield _item(out, path, "checkpoint of a finished job", folder.name)


def _rows(out: OutFolder, records: list[Record], latest: set[str]) -> Iterator[Garbage]:
    """Images and logs of rows that are in no record any more."""
    rows = latest | {row_folder(r.loss.label, r.seed, r.content_scale) for r in records}
    for folder in sorted((out.root / "images").glob("*/*")):
        # The ground truth is kept, and its lock: metrics without a reference may be added.
        if folder.name not in rows and not folder.name.startswith(("hr-", ".")):
            yield _item(out, folder, "images of a row without a record", None)
    logs = rows | {row_folder(job.label, job.seed, job.content_scale) for job in _jobs(out)}
    for folder in sorted(path for name in LOGGERS for path in (out.root / name).glob("*")):
        if folder.name not in logs:
            yield _item(out, folder, "logs of a row without a record", None)


def _item(out: OutFolder, path: Path, reason: str, job: str | None) -> Garbage:
    return Garbage(out=out, path=path, reason=reason, bytes=_size(path), job=job)


def _records(out: OutFolder) -> Iterator[Record]:
    for path in sorted(out.records.glob("*.json")):
        try:
            yield read_record(path)
        except RecordError:
            continue  # a foreign file: the report names it, housekeeping leaves it alone


def _jobs(out: OutFolder) -> Iterator[Job]:
    for path in sorted((out.root / "jobs").glob("*/job.json")):
        document = read_json(path)
        if not isinstance(document, dict) or "task" not in document:
            continue  # of another version of srbench
        job = job_from_document(document)
        if isinstance(job.task, TrainingTask):
            yield job


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
