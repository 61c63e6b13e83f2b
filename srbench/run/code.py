"""Results that code made which has been edited since, under one version: told, never reused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from srbench.errors import SrbenchError, UserError, unknown_name
from srbench.records.layout import OutFolder
from srbench.run.exec.locks import is_locked
from srbench.run.plan.jobs import Job
from srbench.run.plan.planning import Plan
from srbench.run.writing import read_json, write_json


class CodeChanged(UserError):
    """A loss or a generator was edited, and its version is what it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Work in the out folder that other code began, of one name and version.

    Attributes:
        name: ``loss 'mine'`` or ``generator 'mine'``.
        jobs: that this code made or began.
    """

    name: str
    version: int
    jobs: tuple[Job, ...]

    def __str__(self) -> str:
        rows = ", ".join(job.title for job in self.jobs[:4])
        more = f" and {len(self.jobs) - 4} more" if len(self.jobs) > 4 else ""
        return (
            f"the code of {self.name} was edited, and its version still is {self.version}; made "
            f"with the code of before: {rows}{more}"
        )


def changes(plan: Plan, out: OutFolder) -> list[Change]:
    """What was edited since jobs of this plan ran; jobs without a hash of their code are left out.

    Each job's own document, written when it was started, says which code it ran.
    """
    found: dict[tuple[str, int], list[Job]] = {}
    for job in plan.jobs:
        before = _sources(read_json(out.job(job.key) / "job.json")) if _begun(out, job) else {}
        for name, (version, source) in _sources(job.document()).items():
            if before.get(name, (version, ""))[1] not in ("", source):
                found.setdefault((name, version), []).append(job)
    return [Change(name=n, version=v, jobs=tuple(jobs)) for (n, v), jobs in found.items()]


def settle(plan: Plan, out: OutFolder, *, fresh: Sequence[str] = (), accept: bool = False) -> None:
    """Remove what is to be made anew; refuse to go on with what other code made.

    Args:
        fresh: labels whose jobs are made anew, with all that starts from them: the reference of the
            calibration brings every row, ``warm-start`` everything.
        accept: the edits change no value; results are kept and stand for the code of now.

    Raises:
        CodeChanged: code was edited, and neither way on was named.
        UnknownName: no job of this plan has such a label.
    """
    for job in _with_dependents(plan, fresh):
        _remove(out, job)
    found = changes(plan, out)
    if found and not accept:
        labels = _first_labels([job for change in found for job in change.jobs])
        raise CodeChanged(
            "; ".join(str(change) for change in found),
            "if its values are others now, raise `version` in its spec, or train anew with "
            f"{' '.join(f'--fresh {label}' for label in labels)}; if the edit changes no value, "
            "keep the results with --accept-code-change",
        )
    for job in plan.jobs:
        path, now = out.job(job.key) / "job.json", job.document()
        if _begun(out, job) and _sources(read_json(path)) != _sources(now):
            write_json(path, now)  # accepted, or no hash was kept before


def _first_labels(jobs: Sequence[Job]) -> list[str]:
    """Of the jobs that start from none of the others: the others are made anew with them."""
    keys = {job.key for job in jobs}
    return list(dict.fromkeys(job.label for job in jobs if not keys & set(job.needs)))


def _begun(out: OutFolder, job: Job) -> bool:
    """Whether there is a result or a checkpoint, which another attempt would continue from."""
    folder = out.checkpoint(job.key)
    return out.result(job.key).exists() or any(folder.glob("checkpoint-*.pt"))


def _sources(document: Any) -> dict[str, tuple[int, str]]:
    """``loss 'name'`` -> its version and the hash of its code, of a job's document."""
    task = (document or {}).get("task", {})
    generator = task.get("generator") or {}
    found = {
        f"loss {term['loss']!r}": (term["version"], term.get("source", ""))
        for term in task.get("terms", ())
    }
    if generator.get("source"):
        name = f"generator {generator['generator']!r}"
        found[name] = (generator["version"], generator["source"])
    return found


def _with_dependents(plan: Plan, labels: Sequence[str]) -> Iterator[Job]:
    known = {job.label for job in plan.jobs}
    for label in labels:
        if label not in known:
            raise unknown_name("row of this run", label, known)
    gone: set[str] = set()
    for job in plan.jobs:  # in an order in which they can run: needs come first
        if job.label in labels or gone & set(job.needs):
            gone.add(job.key)
            yield job


def _remove(out: OutFolder, job: Job) -> None:
    if is_locked(out.checkpoint(job.key)):
        raise SrbenchError(
            f"expected nobody at {job.title}, which is to be made anew; another run is",
            "wait for it, or stop it",
        )
    for folder in (out.checkpoint(job.key), out.job(job.key)):
        if folder.exists():
            shutil.rmtree(folder)
