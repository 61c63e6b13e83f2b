"""How a job's end is told: finished, failed with a reason, or stopped to be continued."""

from __future__ import annotations

import signal
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from srbench.errors import NonFiniteLoss, OutOfMemory
from srbench.records.layout import OutFolder
from srbench.run.writing import read_json, write_json

if TYPE_CHECKING:
    # Building the schema's models takes a fifth of a second, which a worker does not wait for.
    from srbench.records import Failure

EXIT_STOPPED = 75
"""Exit status of a worker that was asked to stop and wrote a checkpoint (``EX_TEMPFAIL``)."""

EXIT_UNWRITABLE = 74
"""Exit status of a worker that failed and could not leave its failure behind (``EX_IOERR``)."""

LOG_TAIL = 4000


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a job."""

    status: Literal["finished", "failed", "stopped"]
    failure: Failure | None = None


def describe_exception(error: BaseException) -> Failure:
    """The failure that a record holds for an exception inside a worker."""
    from srbench.records import Failure

    return Failure(
        kind=type(error).__name__,
        message=str(error)[:2000],
        traceback="".join(traceback.format_exception(error))[-LOG_TAIL:],
        term=error.term if isinstance(error, NonFiniteLoss) else None,
        iteration=error.iteration if isinstance(error, NonFiniteLoss) else None,
        phase=error.phase if isinstance(error, OutOfMemory) else None,
    )


def describe_exit(code: int, log_tail: str) -> Failure:
    """The failure of a worker that ended without leaving one: a signal, or no memory."""
    from srbench.records import Failure

    if code < 0:
        name = signal.Signals(-code).name
        reason = f"the worker was killed by {name}"
        if name == "SIGKILL":
            reason += "; most often that is the system out of memory"
        return Failure(kind=name, message=reason, traceback=log_tail[-LOG_TAIL:])
    if code == EXIT_UNWRITABLE:
        return Failure(
            kind="unwritable",
            message="the worker could not write to the out folder: the disk is full, or the "
            "folder cannot be written",
            traceback=log_tail[-LOG_TAIL:],
        )
    return Failure(
        kind="exit", message=f"the worker ended with status {code}", traceback=log_tail[-LOG_TAIL:]
    )


def write_failure(out: OutFolder, key: str, failure: Failure) -> None:
    """Leave the failure beside the job; it is never reused, only reported."""
    write_json(out.job(key) / "failure.json", failure.model_dump(mode="json"))


def read_failure(out: OutFolder, key: str) -> Failure | None:
    """The failure of the job's last attempt, if it left one."""
    from srbench.records import Failure

    try:
        return Failure.model_validate(read_json(out.job(key) / "failure.json"))
    except ValueError:  # none, or one that is torn
        return None


def clear_failure(out: OutFolder, key: str) -> None:
    """Forget an earlier attempt's failure."""
    (out.job(key) / "failure.json").unlink(missing_ok=True)
