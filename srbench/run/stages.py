"""What a worker does for each kind of job: warm start, calibration, adversarial training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from srbench.data import PatchSampler, find_dataset, prepare_store, split_validation
from srbench.errors import ContractError
from srbench.models import build_discriminator, build_generator
from srbench.run.content import ContentLoss, build_content
from srbench.run.cost import device_name, loss_gflops
from srbench.run.environment import describe_environment
from srbench.run.events import EventLog
from srbench.run.generators import load_generator, save_generator
from srbench.run.jobs import Job
from srbench.run.layout import OutFolder, read_json, row_folder
from srbench.run.monitor import Monitor
from srbench.run.validation import Validator
from srbench.train import (
    AdversarialSettings,
    CheckpointFolder,
    RuntimeSettings,
    WarmStartSettings,
    calibration_constant,
    gradient_norm,
    run_adversarial,
    run_warm_start,
)

if TYPE_CHECKING:
    from srbench.data import Dataset
    from srbench.train import StageResult

# The parts of one run must not draw from one random stream; all losses of a seed share them, and so
# see the same patches in the same order.
WARM_STREAM, ADVERSARIAL_STREAM, FIXED_STREAM = range(3)


def run_stage(
    job: Job, out: OutFolder, events: EventLog, should_stop: Callable[[], bool]
) -> dict[str, Any] | None:
    """Do one job; returns its result document, or ``None`` where it was stopped before the end."""
    runtime = _runtime(job.request)
    if job.kind == "calibration":
        return _calibration(job, out, runtime)
    sampler = _sampler(job, WARM_STREAM if job.kind == "warm-start" else ADVERSARIAL_STREAM)
    monitor = Monitor(
        events=events,
        logs=out.tensorboard(row_folder(job.label, job.seed, job.content_scale)),
        should_stop=should_stop,
        validator=_validator(job),
    )
    try:
        stage = _warm_start if job.kind == "warm-start" else _adversarial
        return stage(job, out, runtime, sampler, monitor)
    finally:
        sampler.close()
        monitor.close()


def _warm_start(
    job: Job, out: OutFolder, runtime: RuntimeSettings, sampler: PatchSampler, monitor: Monitor
) -> dict[str, Any] | None:
    request = job.request
    section = request["warm_start"]
    generator = _new_generator(job).to(request["device"])
    settings = WarmStartSettings(
        loss=section["loss"],
        iterations=section["iterations"],
        learning_rate=section["learning_rate"],
        milestones=tuple(section["milestones"]),
        gamma=section["gamma"],
        log_every=_log_every(section["iterations"]),
        validate_every=request["validation"]["every"],
    )
    result = run_warm_start(
        generator,
        sampler,
        settings,
        runtime,
        seed=job.seed,
        checkpoints=CheckpointFolder(out.checkpoint(job.key), identity=job.key),
        hooks=monitor.hooks(),
    )
    if result.stopped:
        return None
    return _document(job, out, generator, result)


def _calibration(job: Job, out: OutFolder, runtime: RuntimeSettings) -> dict[str, Any]:
    """The reference loss's gradient norm on this seed's warm start."""
    generator = load_generator(out.generator(job.request["warm_start_key"])).to(runtime.device)
    content = build_content(job.request["terms"], job.request)
    batches = _fixed_batches(job, job.request["batches"])
    factors = _term_factors(generator, content, batches, runtime)
    norm = gradient_norm(generator, content.module(factors), batches, runtime)
    return {"key": job.key, "kind": job.kind, "gradient_norm": norm}


def _adversarial(
    job: Job, out: OutFolder, runtime: RuntimeSettings, sampler: PatchSampler, monitor: Monitor
) -> dict[str, Any] | None:
    request = job.request
    section = request["adversarial"]
    generator = load_generator(out.generator(request["warm_start_key"])).to(request["device"])
    content = build_content(request["terms"], request)
    module, calibration = _calibrated(job, out, generator, content, runtime)
    discriminator = build_discriminator(request["discriminator"]["channels"], seed=job.seed)
    settings = AdversarialSettings(
        iterations=section["iterations"],
        learning_rate=section["learning_rate"],
        milestones=tuple(section["milestones"]),
        gamma=section["gamma"],
        betas=tuple(section["betas"]),
        content_weight=section["content_weight"],
        content_scale=request["content_scale"],
        content_constant=calibration["constant"],
        pixel_loss=section["pixel_loss"],
        pixel_weight=section["pixel_weight"],
        adversarial_loss=section["adversarial_loss"],
        adversarial_weight=section["adversarial_weight"],
        log_every=_log_every(section["iterations"]),
        validate_every=request["validation"]["every"],
    )
    result = run_adversarial(
        generator,
        discriminator.to(request["device"]),
        module,
        sampler,
        settings,
        runtime,
        seed=job.seed,
        checkpoints=CheckpointFolder(out.checkpoint(job.key), identity=job.key),
        hooks=monitor.hooks(),
    )
    if result.stopped:
        return None
    document = _document(job, out, generator, result)
    document["calibration"] = calibration
    document["weights"] = [info.model_dump(mode="json") for info in content.weight_infos]
    document["cost"]["loss_parameters"] = content.parameter_count()
    document["cost"]["loss_gflops_per_step"] = loss_gflops(
        module, request["data"]["patch_size"], request["data"]["batch_size"], request["device"]
    )
    return document


def _calibrated(
    job: Job,
    out: OutFolder,
    generator: nn.Module,
    content: ContentLoss,
    runtime: RuntimeSettings,
) -> tuple[nn.Module, dict[str, Any]]:
    """The content loss and the constant that brings it to the reference's gradient norm."""
    request = job.request
    if request["calibration_key"] is None:
        return content.module(), {"mode": "raw", "constant": 1.0}
    reference = read_json(out.result(request["calibration_key"]))["gradient_norm"]
    batches = _fixed_batches(job, request["calibration_batches"])
    module = content.module(_term_factors(generator, content, batches, runtime))
    # The reference itself was measured by the calibration job, on these very batches.
    same = request["is_reference"]
    own = reference if same else gradient_norm(generator, module, batches, runtime)
    return module, {
        "mode": "calibrated",
        "constant": calibration_constant(reference, own),
        "reference": request["calibration_reference"],
        "gradient_norm": own,
        "reference_gradient_norm": reference,
        "batches": len(batches),
    }


def _term_factors(
    generator: nn.Module,
    content: ContentLoss,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    runtime: RuntimeSettings,
) -> list[float]:
    """Brings each term of a sum to gradient norm 1, so that the weights of the sum mean shares."""
    if len(content.losses) == 1:
        return [1.0]
    norms = [gradient_norm(generator, loss, batches, runtime) for loss in content.losses]
    return [1.0 / norm for norm in norms]


def _document(
    job: Job, out: OutFolder, generator: nn.Module, result: StageResult
) -> dict[str, Any]:
    path = out.generator(job.key)
    sha256 = save_generator(generator, job.request["generator"], job.request["scale"], path)
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
        "notes": list(result.notes),
    }


def _point(iteration: int, values: Mapping[str, float]) -> dict[str, Any]:
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return {"iteration": iteration, "scores": finite}


def _new_generator(job: Job) -> nn.Module:
    settings = job.request["generator"]
    return build_generator(
        settings["name"],
        blocks=settings["blocks"],
        channels=settings["channels"],
        scale=job.request["scale"],
        seed=job.seed,
    )


def _datasets(job: Job) -> tuple[Dataset, Dataset]:
    data = job.request["data"]
    found = find_dataset(data["train"], count=data["train_count"], seed=data["subset_seed"])
    return split_validation(found, data["val"])


def _sampler(job: Job, stream: int) -> PatchSampler:
    data = job.request["data"]
    train, _ = _datasets(job)
    return PatchSampler(
        prepare_store(train),
        patch_size=data["patch_size"],
        batch_size=data["batch_size"],
        scale=job.request["scale"],
        seed=1000 * job.seed + stream,
        device=job.request["device"],
    )


def _fixed_batches(job: Job, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    sampler = _sampler(job, FIXED_STREAM)
    try:
        return list(sampler.fixed_batches(count, seed=1000 * job.seed + FIXED_STREAM))
    finally:
        sampler.close()


def _validator(job: Job) -> Validator | None:
    data = job.request["data"]
    if not data["val"]:
        return None
    _, val = _datasets(job)
    return Validator(
        val,
        metrics=tuple(job.request["validation"]["metrics"]),
        scale=job.request["scale"],
        device=job.request["device"],
    )


def _runtime(request: Mapping[str, Any]) -> RuntimeSettings:
    execution = request["execution"]
    settings = RuntimeSettings(
        device=request["device"],
        precision=execution["precision"],
        loss_precision=execution["loss_precision"],
        tf32=execution["tf32"],
        channels_last=execution["channels_last"],
        compile=execution["compile"],
        fused_adam=execution["fused_adam"],
        threads=execution["threads"],
    )
    if request["device"] == "cuda" and not torch.cuda.is_available():
        raise ContractError(
            "expected a CUDA device, found none that torch can use",
            "run with --device cpu, or install a torch build for this machine's driver",
        )
    return settings


def _log_every(iterations: int) -> int:
    """About 200 logged points per stage, at most one every 10 iterations."""
    return max(10, iterations // 200)
