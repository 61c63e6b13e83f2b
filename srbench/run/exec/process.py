"""One worker process under watch: started, followed, ended when it hangs or takes all memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.memory import TUNABLES
from srbench.records.layout import OutFolder
from srbench.run.exec.events import EventTail
from srbench.run.exec.failures import (
    EXIT_STOPPED,
    Outcome,
    clear_failure,
    describe_exit,
    read_failure,
    write_failure,
)
from srbench.run.exec.starting import KILL, NewInterpreter, Starter
from srbench.run.plan.jobs import Job
from srbench.run.writing import write_json

if TYPE_CHECKING:
    from srbench.records import Failure

GPU_ALLOCATOR = "expandable_segments:True"
"""Lets segments of GPU memory grow, so that images of many sizes do not leave it in pieces."""

CUBLAS_WORKSPACE = ":4096:8"
"""Without a fixed workspace cuBLAS gives other bits from run to run, and torch refuses to."""

GRACE_SECONDS = 60.0
"""How long a stopped worker may take to write its checkpoint."""

POLL_SECONDS = 0.02
"""How often a worker is looked at."""

LAST_WORDS_SECONDS = 1.0
"""How long a hung worker may take to write where it hangs."""


class WorkerProcess:
    """The process of one job.

    Args:
        job: what it does; written to the job's folder for it.
        out: the out folder.
        environment: added to this process's own.
        starter: makes the process.
    """

    def __init__(
        self,
        job: Job,
        out: OutFolder,
        *,
        environment: Mapping[str, str] | None = None,
        starter: Starter = NewInterpreter(),  # noqa: B008  # has no state
    ) -> None:
        self.job = job
        self._out = out
        self._limits = job.task.limits
        folder = out.job(job.key)
        folder.mkdir(parents=True, exist_ok=True)
        clear_failure(out, job.key)
        write_json(folder / "job.json", job.document())
        self._events = EventTail(folder / "events.jsonl")
        self._verdict: Failure | None = None
        self._kill_at: float | None = None
        self._sign_of_life = time.monotonic()
        argv, log = [str(out.root), job.key], folder / "log.txt"
        given = worker_environment(job, environment or {})
        self._process = starter.start(argv, log, given, job.kind.modules)

    def events(self) -> list[Mapping[str, Any]]:
        """What the worker has told since the last call."""
        found = self._events.read()
        if found:
            self._sign_of_life = time.monotonic()
        return found

    def poll(self) -> Outcome | None:
        """How it ended; ``None`` while it runs. Ends it where it is over a limit."""
        code = self._process.poll()
        if code is None:
            self._enforce()
            return None
        return self._outcome(code)

    def stop(self) -> None:
        """Ask it to write a checkpoint and end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for its end; kill it if that takes longer."""
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.send_signal(KILL)
            self._process.wait()

    def _enforce(self) -> None:
        from srbench.records import Failure

        now = time.monotonic()
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._process.send_signal(KILL)
            return
        limits = self._limits
        if limits.hang_seconds and now - self._sign_of_life > limits.hang_seconds:
            self._verdict = Failure(
                kind="hang",
                message=f"the worker gave no sign of life for {limits.hang_seconds:g} s "
                "(limits.hang_seconds) and was ended",
            )
            if sys.platform != "win32":
                # The worker's fault handler writes where it hangs into its log.
                self._process.send_signal(signal.SIGUSR1)
            self._kill_at = now + LAST_WORDS_SECONDS
            return
        pid = self._process.pid if limits.memory_gib else None
        held = _resident_bytes(pid) / 2**30 if pid else 0.0
        if limits.memory_gib and held > limits.memory_gib:
            self._verdict = Failure(
                kind="memory",
                message=f"the worker held {held:.2f} GiB of memory, more than "
                f"limits.memory_gib = {limits.memory_gib:g}, and was ended",
            )
            self._process.send_signal(KILL)
            self._kill_at = now

    def _outcome(self, code: int) -> Outcome:
        job = self.job
        if self._out.result(job.key).exists():
            return Outcome(status="finished")
        if self._verdict is None and code == EXIT_STOPPED:
            return Outcome(status="stopped")
        failure = None if self._verdict else read_failure(self._out, job.key)
        if failure is None:
            tail = _tail(self._out.job(job.key) / "log.txt")
            failure = self._verdict or describe_exit(code, tail)
            failure = failure.model_copy(update={"traceback": tail})
            write_failure(self._out, job.key, failure)
        return Outcome(status="failed", failure=failure)


def worker_environment(job: Job, extra: Mapping[str, str]) -> dict[str, str]:
    """Threads as the job's key says, whatever the shell says; allocators where it is silent."""
    execution, on_gpu = job.task.execution, job.task.device != "cpu"
    threads = str(execution.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    environment.setdefault("GLIBC_TUNABLES", TUNABLES)
    if on_gpu and "PYTORCH_ALLOC_CONF" not in environment:  # its new name, which 2.6 does not know
        environment.setdefault("PYTORCH_CUDA_ALLOC_CONF", GPU_ALLOCATOR)
    if on_gpu and execution.deterministic:
        environment["CUBLAS_WORKSPACE_CONFIG"] = CUBLAS_WORKSPACE
    return {**environment, **extra}


def _resident_bytes(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0  # it ended between two looks


def _tail(path: Path) -> str:
    try:
        return path.read_bytes()[-4000:].decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
