"""Measures a few iterations of a job: ``python -m srbench.run.work.measure JOB RESULT``.

A process of its own, since a loss may crash or take all memory, and since peak memory is a
property of a process. The batch is random numbers: what is measured is the training step, not the
reading of data.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from srbench.errors import DataError
from srbench.models.discriminator import build_discriminator
from srbench.run.exec.attempts import Fit
from srbench.run.plan.jobs import load
from srbench.run.plan.kinds import job_from_document
from srbench.run.plan.tasks import (
    AdversarialTask,
    CalibrationTask,
    StageTask,
    TrainingTask,
    WarmStartTask,
)
from srbench.run.work.content import build_content
from srbench.run.work.generators import generator_of
from srbench.run.work.stage import runtime_of
from srbench.run.work.stage_data import datasets_of
from srbench.run.work.stages import adversarial_settings, new_generator, warm_start_settings
from srbench.run.work.validation import Validator
from srbench.run.writing import read_json, write_json
from srbench.train import (
    CheckpointFolder,
    Hooks,
    RuntimeSettings,
    StageResult,
    gradient_norm,
    run_adversarial,
    run_warm_start,
)
from srbench.train.runtime import peak_memory_bytes

SECONDS = 3.0
"""How long training steps are timed."""

WARM_UP, LEAST = 2, 3
"""Iterations before timing starts (compilation, choice of kernels), and the fewest timed."""

VALIDATION_IMAGES = 2

ENDLESS = 10**6


class _RandomBatch:
    """A sampler whose batches are one random batch."""

    wait_fraction = 0.0

    def __init__(self, task: TrainingTask) -> None:
        scale, count, side = task.scale, task.batch_size, task.data.patch_size
        generator = torch.Generator().manual_seed(0)
        lr = torch.rand((count, 3, side // scale, side // scale), generator=generator)
        hr = torch.rand((count, 3, side, side), generator=generator)
        self.batch = (lr.to(task.device), hr.to(task.device))

    def next(self) -> tuple[Tensor, Tensor]:
        return self.batch

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        del state


class _FlopCount(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums what :mod:`torch.utils.flop_counter` knows of each operation.

    Its own ``FlopCounterMode`` hooks modules, which ``torch.autograd.grad`` does not bear.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **kwargs, out_val=out))
        return out


@dataclass(slots=True)
class _Clock:
    """Times iterations, and stops the stage when it has seen enough."""

    device: str
    limit: int
    marks: list[float] = field(default_factory=list)

    def progress(self, iteration: int, total: int) -> None:
        del iteration, total
        if self.device != "cpu":
            torch.accelerator.synchronize()
        self.marks.append(time.perf_counter())

    def enough(self) -> bool:
        timed = len(self.marks) - WARM_UP
        if len(self.marks) >= self.limit:
            return True
        return timed > LEAST and self.marks[-1] - self.marks[WARM_UP - 1] > SECONDS

    def hooks(self) -> Hooks:
        return Hooks(on_progress=self.progress, should_stop=self.enough)

    def seconds(self) -> float:
        """Median time of an iteration after the warm-up."""
        marks = self.marks[WARM_UP - 1 :]
        return statistics.median(b - a for a, b in itertools.pairwise(marks))


Steps = Callable[[RuntimeSettings, CheckpointFolder, Hooks], StageResult]


def warm_start(task: WarmStartTask, spawned: float) -> dict[str, Any]:
    """What :func:`srbench.run.exec.estimate.estimate_jobs` multiplies, for a warm start.

    Args:
        spawned: time of day at which this process was started.
    """
    sampler, generator = _RandomBatch(task), new_generator(task)
    settings = warm_start_settings(task).but(iterations=ENDLESS, validate_every=0)

    def steps(runtime: RuntimeSettings, folder: CheckpointFolder, hooks: Hooks) -> StageResult:
        return run_warm_start(
            generator, sampler, settings, runtime, seed=0, checkpoints=folder, hooks=hooks
        )

    start = time.time() - spawned
    return _with_peak(
        {"start_seconds": start, **_steps(steps, task), **_validation(task, generator)}, task
    )


def calibration(task: CalibrationTask, spawned: float) -> dict[str, Any]:
    """As :func:`warm_start`, for the calibration: one gradient norm."""
    generator, loss = new_generator(task), build_content(task.terms, task).module()
    start = time.time() - spawned
    return {"start_seconds": start, **_gradient_norm(task, generator, loss)}


def adversarial(task: AdversarialTask, spawned: float) -> dict[str, Any]:
    """As :func:`warm_start`, for adversarial training, its calibration included."""
    sampler, generator = _RandomBatch(task), new_generator(task)
    loss = build_content(task.terms, task).module()
    settings = adversarial_settings(task).but(iterations=ENDLESS, validate_every=0)
    discriminator = build_discriminator(task.discriminator.channels, seed=0).to(task.device)

    def steps(runtime: RuntimeSettings, folder: CheckpointFolder, hooks: Hooks) -> StageResult:
        return run_adversarial(
            generator, discriminator, loss, sampler, settings, runtime, seed=0,
            checkpoints=folder, hooks=hooks,
        )  # fmt: skip

    start = time.time() - spawned
    found = {
        "start_seconds": start,
        **_steps(steps, task),
        # What is not calibrated has no norm measured; without a content loss there is none.
        **(_gradient_norm(task, generator, loss) if task.gradient_norms else {}),
        **_validation(task, generator),
    }
    return _with_peak(found, task)


def _with_peak(found: dict[str, Any], task: TrainingTask) -> dict[str, Any]:
    """Of all that the job does: kernels being chosen, calibration and validation included."""
    peak = peak_memory_bytes(torch.device(task.device))
    return {**found, "peak_memory_bytes": peak}


def _steps(stage: Steps, task: TrainingTask) -> dict[str, Any]:
    runtime = runtime_of(task)
    clock = _Clock(str(runtime.device), ENDLESS)
    with tempfile.TemporaryDirectory() as folder:
        stage(runtime, CheckpointFolder(Path(folder)), clock.hooks())
        checkpoint = sum(path.stat().st_size for path in Path(folder).iterdir())
    once = _Clock(str(runtime.device), 1)
    plain = runtime.but(compile=False, cuda_graph=False)  # graphs hide their operations
    with tempfile.TemporaryDirectory() as folder, _FlopCount() as counter:
        stage(plain, CheckpointFolder(Path(folder)), once.hooks())
    return {
        "seconds_per_iteration": clock.seconds(),
        "timed_iterations": len(clock.marks) - WARM_UP,
        "flops_per_iteration": counter.total,
        "checkpoint_bytes": checkpoint,
    }


def _gradient_norm(task: TrainingTask, generator: nn.Module, loss: nn.Module) -> dict[str, Any]:
    batches, runtime = [_RandomBatch(task).batch], runtime_of(task)
    gradient_norm(generator, loss, batches, runtime)
    began = time.perf_counter()
    gradient_norm(generator, loss, batches, runtime)
    return {"gradient_norm_seconds": time.perf_counter() - began}


def _validation(task: StageTask, generator: nn.Module) -> dict[str, Any]:
    """Seconds per validation on the held-out images; ``None`` where they are not on this machine.

    The metrics are built first: that is paid once per job and counts as nothing here.
    """
    if not task.data.val or not task.validation.metrics:
        return {"validation_seconds": 0.0}
    try:
        _, val = datasets_of(task)
    except DataError:
        return {"validation_seconds": None}
    validator = Validator(
        val,
        metrics=task.validation.metrics,
        generator=generator_of(task),
        device=task.device,
        fit=Fit(),
    )
    generator.eval()
    # The largest decide how much memory is needed; any two how much time.
    largest = sorted(val.files, key=lambda file: file.stat().st_size)[-VALIDATION_IMAGES:]
    validator.on(replace(val, files=tuple(largest)))(generator)
    some = replace(val, files=val.files[:VALIDATION_IMAGES])
    began = time.perf_counter()
    validator.on(some)(generator)
    return {"validation_seconds": (time.perf_counter() - began) * len(val) / len(some)}


def main(argv: list[str]) -> int:
    """Entry point of the measuring process."""
    request = read_json(Path(argv[0]))
    job = job_from_document(request["job"])
    assert job.kind.measure is not None
    write_json(Path(argv[1]), load(job.kind.measure)(job.task, request["spawned"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
