"""What a worker does for each kind of job: warm start, calibration, adversarial training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from srbench.data import PatchSampler
from srbench.models.discriminator import build_discriminator
from srbench.models.files import save_generator
from srbench.run.exec.events import EventLog
from srbench.run.layout import OutFolder, read_json, row_folder
from srbench.run.plan.environment import describe_environment
from srbench.run.plan.jobs import Job
from srbench.run.work.collapse import collapse_rule
from srbench.run.work.content import ContentLoss, build_content
from srbench.run.work.cost import device_name, loss_gflops
from srbench.run.work.generators import job_generator, trained_network
from srbench.run.work.hooks import Monitor
from srbench.run.work.stage_data import (
    ADVERSARIAL_STREAM,
    WARM_STREAM,
    fixed_batches,
    job_sampler,
    job_validator,
    prepare_images,
)
from srbench.run.work.stage_settings import (
    adversarial_settings,
    checkpoint_folder,
    runtime_settings,
    warm_start_settings,
)
from srbench.train import (
    RuntimeSettings,
    calibration_constant,
    gradient_cosine,
    gradient_norm,
    run_adversarial,
    run_warm_start,
)

if TYPE_CHECKING:
    from srbench.train import StageResult

Batches = Sequence[tuple[torch.Tensor, torch.Tensor]]

COSINE_BATCHES = 4
"""Training batches on which the error of a bf16 loss network is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A job at work: where, how, and in how many parts each batch is computed."""

    job: Job
    out: OutFolder
    runtime: RuntimeSettings
    micro_batches: int = 1

    def gradient_norm(self, generator: nn.Module, loss: nn.Module, batches: Batches) -> float:
        """See :func:`srbench.train.gradient_norm`."""
        return gradient_norm(generator, loss, batches, self.runtime, parts=self.micro_batches)


def run_stage(
    job: Job,
    out: OutFolder,
    events: EventLog,
    should_stop: Callable[[], bool],
    *,
    micro_batches: int = 1,
) -> dict[str, Any] | None:
    """Do one job; returns its result document, or ``None`` where it was stopped before the end."""
    runtime = runtime_settings(job.request)
    stage = Stage(job=job, out=out, runtime=runtime, micro_batches=micro_batches)
    # Each step on the way to the first iteration is a sign of life: all of them may be slow.
    events.write("imported")
    with events.beating("preparing"):
        prepare_images(job)
    events.write("prepared")
    if job.kind == "calibration":
        return None if should_stop() else _calibration(stage)
    sampler = job_sampler(job, WARM_STREAM if job.kind == "warm-start" else ADVERSARIAL_STREAM)
    monitor = Monitor(
        events=events,
        logs=out.tensorboard(row_folder(job.label, job.seed, job.content_scale)),
        should_stop=should_stop,
        validator=job_validator(job),
    )
    try:
        work = _warm_start if job.kind == "warm-start" else _adversarial
        return work(stage, sampler, monitor)
    finally:
        sampler.close()
        monitor.close()


def _warm_start(stage: Stage, sampler: PatchSampler, monitor: Monitor) -> dict[str, Any] | None:
    job = stage.job
    generator = job_generator(job.request).build(seed=job.seed).to(job.request["device"])
    result = run_warm_start(
        generator,
        sampler,
        warm_start_settings(job.request, stage.micro_batches),
        stage.runtime,
        seed=job.seed,
        checkpoints=checkpoint_folder(job, stage.out),
        hooks=monitor.hooks(),
    )
    if result.stopped:
        return None
    return _document(stage, generator, result)


def _calibration(stage: Stage) -> dict[str, Any]:
    """The reference loss's gradient norm on this seed's warm start."""
    job = stage.job
    generator = _warm_generator(stage)
    content = build_content(job.request["terms"], job.request)
    batches = fixed_batches(job, job.request["batches"])
    module = content.module(_term_factors(stage, generator, content, batches))
    norm = stage.gradient_norm(generator, module, batches)
    return {"key": job.key, "kind": job.kind, "gradient_norm": norm}


def _adversarial(stage: Stage, sampler: PatchSampler, monitor: Monitor) -> dict[str, Any] | None:
    job, request = stage.job, stage.job.request
    generator = _warm_generator(stage)
    content = build_content(request["terms"], request)
    module, calibration = _calibrated(stage, generator, content)
    if stage.runtime.loss_precision == "bf16":
        calibration["bf16_gradient_cosine"] = gradient_cosine(
            generator, module, fixed_batches(job, COSINE_BATCHES), stage.runtime
        )
    discriminator = build_discriminator(request["discriminator"]["channels"], seed=job.seed)
    result = run_adversarial(
        generator,
        discriminator.to(request["device"]),
        module,
        sampler,
        adversarial_settings(request, calibration["constant"], stage.micro_batches),
        stage.runtime,
        seed=job.seed,
        checkpoints=checkpoint_folder(job, stage.out),
        hooks=monitor.hooks(collapse_rule(job)),
    )
    if result.stopped:
        return None
    document = _document(stage, generator, result)
    document["calibration"] = calibration
    document["weights"] = [info.model_dump(mode="json") for info in content.weight_infos()]
    document["cost"]["loss_parameters"] = content.parameter_count()
    document["cost"]["loss_gflops_per_step"] = loss_gflops(
        module, request["data"]["patch_size"], request["data"]["batch_size"], request["device"]
    )
    return document


def _calibrated(
    stage: Stage, generator: nn.Module, content: ContentLoss
) -> tuple[nn.Module, dict[str, Any]]:
    """The content loss and the constant that brings it to the reference's gradient norm."""
    request = stage.job.request
    if request["calibration_key"] is None:
        return content.module(), {"mode": "raw", "constant": 1.0}
    reference = read_json(stage.out.result(request["calibration_key"]))["gradient_norm"]
    batches = fixed_batches(stage.job, request["calibration_batches"])
    module = content.module(_term_factors(stage, generator, content, batches))
    # The reference itself was measured by the calibration job, on these very batches.
    same = request["is_reference"]
    own = reference if same else stage.gradient_norm(generator, module, batches)
    return module, {
        "mode": "calibrated",
        "constant": calibration_constant(reference, own),
        "reference": request["calibration_reference"],
        "gradient_norm": own,
        "reference_gradient_norm": reference,
        "batches": len(batches),
    }


def _term_factors(
    stage: Stage, generator: nn.Module, content: ContentLoss, batches: Batches
) -> list[float]:
    """Brings each term of a sum to gradient norm 1, so that the weights of the sum mean shares."""
    if len(content.losses) == 1:
        return [1.0]
    return [1.0 / stage.gradient_norm(generator, loss, batches) for loss in content.losses]


def _document(stage: Stage, generator: nn.Module, result: StageResult) -> dict[str, Any]:
    job = stage.job
    path = stage.out.generator(job.key)
    sha256 = save_generator(generator, job_generator(job.request), path)
    device = device_name(job.request["device"])
    environment = describe_environment(
        threads=job.request["execution"]["threads"],
        gpu=device if job.request["device"] != "cpu" else None,
    )
    return {
        "key": job.key,
        "kind": job.kind,
        "generator": {"sha256": sha256, "bytes": path.stat().st_size},
        "log": [_point(iteration, values) for iteration, values in result.log],
        "validation": [_point(iteration, values) for iteration, values in result.validation],
        "cost": {
            "device": device,
            "seconds": result.seconds,
            "iterations_per_second": result.iterations_per_second,
            "peak_memory_bytes": result.peak_memory_bytes,
            "data_wait_fraction": result.data_wait_fraction,
        },
        "environment": environment.model_dump(mode="json"),
        "collapsed": result.lost,
        "notes": [*result.notes, *_micro_batch_notes(stage)],
    }


def _micro_batch_notes(stage: Stage) -> list[str]:
    if stage.micro_batches == 1:
        return []
    batch = stage.job.request["data"]["batch_size"]
    return [
        f"each batch of {batch} was computed in {stage.micro_batches} parts and the gradients "
        f"summed, since it did not fit the GPU's memory: the effective batch is still {batch}, but "
        "BatchNorm saw one part at a time, from the checkpoint on at which that began"
    ]


def _warm_generator(stage: Stage) -> nn.Module:
    request = stage.job.request
    return trained_network(stage.out.generator(request["warm_start_key"]), request)


def _point(iteration: int, values: Mapping[str, float]) -> dict[str, Any]:
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return {"iteration": iteration, "scores": finite}
