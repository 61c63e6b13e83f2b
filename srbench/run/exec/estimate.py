"""What jobs will take: a few iterations of each kind are measured on this device and multiplied."""

from __future__ import annotations

import heapq
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.run.exec.process import worker_environment
from srbench.run.plan.jobs import Job
from srbench.run.writing import read_json, write_json
from srbench.settings.canonical import content_key

PROBE_TIMEOUT = 900.0

METHOD = (
    "Each distinct kind of job (warm start, calibration, and one adversarial job per loss) was "
    "started once in a process of its own, on this device and with the threads of the plan, alone "
    "on the machine. Training steps on a batch of random numbers were timed for about 3 seconds; "
    "the median time of a step times the iterations, plus the measured start of the process, the "
    "calibration and the validations, is the job's time. Floating-point operations are those of "
    "one step, as torch counts them for convolutions and products (a multiply-add is two), times "
    "the iterations. Memory is the peak of those steps: of the GPU where there is one, else of the "
    "process. Not in it: reading data, checkpoints, and scoring. Jobs that run side by side on "
    "one CPU slow each other down by an amount that was not measured."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What one job will take.

    Attributes:
        flops: of its training iterations; ``None`` for calibration, which has none.
        memory_bytes: peak, of the GPU or of the process; ``None`` for calibration.
        seconds: from start to end.
        seconds_per_iteration: measured median; ``None`` for calibration.
        validation_counted: false where the held-out images are not on this machine.
    """

    flops: float | None
    memory_bytes: int | None
    seconds: float
    seconds_per_iteration: float | None
    validation_counted: bool = True


Estimates = Mapping[str, Estimate | str]
"""Job key -> estimate, or the reason why there is none."""


def estimate_jobs(
    jobs: Iterable[Job], say: Callable[[str], None] = lambda line: None
) -> dict[str, Estimate | str]:
    """Measure every distinct kind of job among ``jobs`` once, on this machine, and extrapolate."""
    measured: dict[str, dict[str, Any] | str] = {}
    estimates: dict[str, Estimate | str] = {}
    for job in jobs:
        if job.kind.measure is None:
            estimates[job.key] = "this kind of job cannot be measured"
            continue
        kind = _kind(job)
        if kind not in measured:
            say(f"measuring {job.title}")
            measured[kind] = _measure(job)
        found = measured[kind]
        estimates[job.key] = found if isinstance(found, str) else _extrapolate(job, found)
    return estimates


def wall_seconds(jobs: Sequence[Job], seconds: Mapping[str, float], slots: int) -> float:
    """From the first start to the last end, where each job starts once a slot and its needs are.

    Args:
        jobs: in the order in which they are to start; what they need elsewhere is finished.
        seconds: job key -> how long it takes.
        slots: jobs at once.
    """
    waiting, running, now = list(jobs), list[tuple[float, str]](), 0.0
    while waiting or running:
        unfinished = {job.key for job in waiting} | {key for _, key in running}
        ready = [job for job in waiting if unfinished.isdisjoint(job.needs)]
        for job in ready[: slots - len(running)]:
            heapq.heappush(running, (now + seconds[job.key], job.key))
            waiting.remove(job)
        now = heapq.heappop(running)[0]
    return now


def _kind(job: Job) -> str:
    """Jobs that differ in seed, content scale or label alone take the same."""
    left_out = {"seed": True, "content_scale": True, "warm": True, "calibration": True}
    task = job.task.model_dump(mode="json", exclude=left_out)
    return content_key({"kind": job.kind.name, "task": task})


def _measure(job: Job) -> dict[str, Any] | str:
    with tempfile.TemporaryDirectory() as folder:
        request, result = Path(folder) / "request.json", Path(folder) / "result.json"
        write_json(request, {"job": job.document(), "spawned": time.time()})
        try:
            done = subprocess.run(
                [sys.executable, "-m", "srbench.run.work.measure", str(request), str(result)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=worker_environment(job, {}),
                timeout=PROBE_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"a few steps took more than {PROBE_TIMEOUT:.0f} s"
        document = read_json(result)
        if isinstance(document, dict):
            return document
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"the measuring process ended with {done.returncode}"


def _extrapolate(job: Job, found: Mapping[str, Any]) -> Estimate:
    task, iterations = job.task, job.task.iterations
    seconds = found["start_seconds"] + task.gradient_norms * found.get("gradient_norm_seconds", 0.0)
    if iterations is None:
        return Estimate(flops=None, memory_bytes=None, seconds=seconds, seconds_per_iteration=None)
    per_step, validation = found["seconds_per_iteration"], found["validation_seconds"]
    return Estimate(
        flops=float(iterations * found["flops_per_iteration"]),
        memory_bytes=found["peak_memory_bytes"],
        seconds=seconds + iterations * per_step + task.validations * (validation or 0.0),
        seconds_per_iteration=per_step,
        validation_counted=validation is not None,
    )
