"""The local executor: every job in a process of its own, several at once where asked.

Workers write their results atomically themselves; this loop only starts them, follows their event
files and notes how they ended. It may be killed at any moment: the same command then continues.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from filelock import FileLock, Timeout

from srbench.records import Failure
from srbench.run.events import EventTail
from srbench.run.failures import (
    EXIT_STOPPED,
    Outcome,
    clear_failure,
    describe_exit,
    read_failure,
    write_failure,
)
from srbench.run.jobs import Job
from srbench.run.layout import OutFolder, write_json

POLL_SECONDS = 0.05
ALLOCATOR = (
    "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1073741824:glibc.malloc.top_pad=67108864"
)
"""Keeps freed tensors in the process instead of giving every one back to the kernel.

With glibc's defaults a CPU training step maps and unmaps its activations anew and spends a sixth of
its time in page faults. At most 1 GiB of free memory is held. Other C libraries ignore this.
"""

GRACE_SECONDS = 60.0
"""How long a stopped worker may take to write its checkpoint."""


class Observer(Protocol):
    """Follows a run: the progress display, and tests."""

    def job_started(self, job: Job) -> None:
        """A worker was started."""

    def job_event(self, job: Job, event: Mapping[str, Any]) -> None:
        """A worker wrote an event."""

    def job_ended(self, job: Job, outcome: Outcome) -> None:
        """A worker ended, or a job could not start because one that it needs had failed."""


@dataclass(slots=True)
class _Worker:
    job: Job
    process: subprocess.Popen[bytes]
    events: EventTail
    slot: int


@dataclass(slots=True)
class LocalExecutor:
    """Runs jobs on this machine.

    Attributes:
        out: the out folder.
        parallel: workers at once.
        gpus: CUDA devices; worker ``i`` sees only ``gpus[i % len(gpus)]``. Empty on CPU.
        observer: told of everything.
        command: argv before (out folder, job key); tests put their own worker here.
    """

    out: OutFolder
    observer: Observer
    parallel: int = 1
    gpus: Sequence[str] = ()
    command: Sequence[str] = (sys.executable, "-m", "srbench.run.worker")
    _running: dict[str, _Worker] = field(default_factory=dict)

    def run(self, jobs: Sequence[Job]) -> dict[str, Outcome]:
        """Run the jobs that have no result yet, each after those that it needs.

        Returns:
            key -> outcome, for every job. On Ctrl-C the workers write checkpoints and stop, and
            :class:`KeyboardInterrupt` goes on to the caller.
        """
        outcomes: dict[str, Outcome] = {}
        waiting = list(jobs)
        try:
            while waiting or self._running:
                waiting = self._start_ready(waiting, outcomes)
                self._reap(outcomes)
                if self._running or waiting:
                    time.sleep(POLL_SECONDS)
        except BaseException:
            self._stop_all()
            raise
        return outcomes

    def _start_ready(self, waiting: list[Job], outcomes: dict[str, Outcome]) -> list[Job]:
        left = []
        for job in waiting:
            if self.out.result(job.key).exists():
                outcomes[job.key] = Outcome(status="finished")
                continue
            broken = [n for n in job.needs if n in outcomes and outcomes[n].status != "finished"]
            if broken:
                self._give_up(job, broken[0], outcomes)
                continue
            ready = all(n in outcomes or self.out.result(n).exists() for n in job.needs)
            if ready and len(self._running) < self.parallel and not self._busy(job):
                self._start(job)
            else:
                left.append(job)
        return left

    def _busy(self, job: Job) -> bool:
        """Whether another ``srbench run`` is at this job; its lock ends with its process."""
        folder = self.out.checkpoint(job.key)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=0):
                return False
        except Timeout:
            return True

    def _start(self, job: Job) -> None:
        folder = self.out.job(job.key)
        folder.mkdir(parents=True, exist_ok=True)
        clear_failure(self.out, job.key)
        write_json(folder / "job.json", job.document())
        slot = self._free_slot()
        with (folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [*self.command, str(self.out.root), job.key],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(job, slot),
                # Ctrl-C goes to this process alone, which then asks the workers to stop.
                start_new_session=True,
            )
        events = EventTail(folder / "events.jsonl")
        self._running[job.key] = _Worker(job, process, events, slot)
        self.observer.job_started(job)

    def _environment(self, job: Job, slot: int) -> dict[str, str]:
        threads = str(job.request["execution"]["threads"])
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        environment.setdefault("GLIBC_TUNABLES", ALLOCATOR)
        if self.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = self.gpus[slot % len(self.gpus)]
        return environment

    def _free_slot(self) -> int:
        taken = {worker.slot for worker in self._running.values()}
        return next(slot for slot in range(self.parallel) if slot not in taken)

    def _reap(self, outcomes: dict[str, Outcome]) -> None:
        for key, worker in list(self._running.items()):
            code = worker.process.poll()
            for event in worker.events.read():
                self.observer.job_event(worker.job, event)
            if code is None:
                continue
            del self._running[key]
            outcomes[key] = self._outcome(worker.job, code)
            self.observer.job_ended(worker.job, outcomes[key])

    def _outcome(self, job: Job, code: int) -> Outcome:
        if code == 0 and self.out.result(job.key).exists():
            return Outcome(status="finished")
        if code == EXIT_STOPPED:
            return Outcome(status="stopped")
        failure = read_failure(self.out, job.key)
        if failure is None:
            failure = describe_exit(code, self._log_tail(job))
            write_failure(self.out, job.key, failure)
        return Outcome(status="failed", failure=failure)

    def _log_tail(self, job: Job) -> str:
        text = (self.out.job(job.key) / "log.txt").read_bytes()[-4000:]
        return text.decode("utf-8", errors="replace")

    def _give_up(self, job: Job, need: str, outcomes: dict[str, Outcome]) -> None:
        before = outcomes[need]
        if before.status == "stopped":
            outcomes[job.key] = before
            self.observer.job_ended(job, before)
            return
        reason = before.failure.message if before.failure else "unknown"
        failure = Failure(
            kind="dependency", message=f"a stage that this one needs failed: {reason}"
        )
        self.out.job(job.key).mkdir(parents=True, exist_ok=True)
        write_failure(self.out, job.key, failure)
        outcomes[job.key] = Outcome(status="failed", failure=failure)
        self.observer.job_ended(job, outcomes[job.key])

    def _stop_all(self) -> None:
        """Ask every worker to write a checkpoint and stop; kill those that do not."""
        for worker in self._running.values():
            worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in self._running.values():
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._running.clear()


def visible_gpus(count: Callable[[], int]) -> list[str]:
    """CUDA devices that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    setting = os.environ.get("CUDA_VISIBLE_DEVICES")
    if setting is not None:
        return [name.strip() for name in setting.split(",") if name.strip()]
    return [str(index) for index in range(count())]
