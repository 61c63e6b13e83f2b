"""What jobs will take: a few iterations of each kind are measured on this device and multiplied."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.run.exec.process import worker_environment
from srbench.run.layout import read_json, write_json
from srbench.run.plan.jobs import Job
from srbench.run.plan.keys import content_key

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
        kind = _kind(job)
        if kind not in measured:
            say(f"measuring {job.title}")
            measured[kind] = _measure(job)
        found = measured[kind]
        estimates[job.key] = found if isinstance(found, str) else _extrapolate(job, found)
    return estimates


def _kind(job: Job) -> str:
    """Jobs that differ in seed, content scale or label alone take the same."""
    left_out = {"seed", "content_scale", "warm_start_key", "calibration_key"}
    request = {k: v for k, v in job.request.items() if k not in left_out}
    return content_key({"kind": job.kind, "request": request})


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
    start = float(found["start_seconds"])
    if job.kind == "calibration":
        seconds = start + job.request["batches"] * found["gradient_norm_seconds"]
        return Estimate(flops=None, memory_bytes=None, seconds=seconds, seconds_per_iteration=None)
    section = job.request["warm_start" if job.kind == "warm-start" else "adversarial"]
    iterations, per_step = section["iterations"], found["seconds_per_iteration"]
    every = job.request["validation"]["every"]
    validations = 1 + ((iterations - 1) // every if every else 0) if iterations else 0
    seconds = start + iterations * per_step
    seconds += validations * (found["validation_seconds"] or 0.0)
    seconds += _norms(job) * found.get("gradient_norm_seconds", 0.0)
    return Estimate(
        flops=float(iterations * found["flops_per_iteration"]),
        memory_bytes=found["peak_memory_bytes"],
        seconds=seconds,
        seconds_per_iteration=per_step,
        validation_counted=found["validation_seconds"] is not None,
    )


def _norms(job: Job) -> int:
    """Batches whose gradient norm an adversarial job measures to calibrate its own loss."""
    if job.request.get("calibration_key") is None:
        return 0
    terms = len(job.request["terms"])
    norms = 0 if terms == 1 else terms
    norms += 0 if job.request["is_reference"] else 1
    return int(job.request["calibration_batches"]) * norms
