"""What a worker does for each kind of training job: warm start, calibration, adversarial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from srbench.devices import phase
from srbench.models.discriminator import build_discriminator
from srbench.run.plan.tasks import AdversarialTask, CalibrationTask, TrainingTask, WarmStartTask
from srbench.run.work.collapse import collapse_rule
from srbench.run.work.content import ContentLoss, build_content
from srbench.run.work.cost import loss_gflops
from srbench.run.work.generators import generator_of
from srbench.run.work.published_start import published_start
from srbench.run.work.result import result_document
from srbench.run.work.stage import (
    Batches,
    Stage,
    checkpoints,
    norm_of,
    prepare,
    runtime_of,
    trained,
    training,
)
from srbench.run.work.stage_data import (
    ADVERSARIAL_STREAM,
    WARM_STREAM,
    fixed_batches,
    held_out_batches,
)
from srbench.run.writing import read_json
from srbench.train import (
    AdversarialSettings,
    WarmStartSettings,
    calibration_constant,
    gradient_cosine,
    run_adversarial,
    run_warm_start,
)

COSINE_BATCHES = 4
"""Training batches on which the error of a bf16 loss network is measured."""


@phase("training")
def warm_start(stage: Stage[WarmStartTask]) -> dict[str, Any] | None:
    """The generator alone on a pixel loss, from seeded random weights; or a published one."""
    prepare(stage)
    if stage.task.published is not None:
        return published_start(stage)
    generator = new_generator(stage.task)
    with training(stage, WARM_STREAM) as (sampler, hooks):
        result = run_warm_start(
            generator,
            sampler,
            warm_start_settings(stage.task, stage.fit.micro_batches),
            runtime_of(stage.task),
            seed=stage.task.seed,
            checkpoints=checkpoints(stage),
            hooks=hooks.hooks(),
        )
    return None if result.stopped else result_document(stage, generator, result)


@phase("calibration")
def calibration(stage: Stage[CalibrationTask]) -> dict[str, Any] | None:
    """The reference loss's gradient norm on this seed's warm start."""
    task = stage.task
    if task.published_norm is not None:
        kind = stage.job.kind.name
        return {"key": stage.job.key, "kind": kind, "gradient_norm": task.published_norm}
    prepare(stage)
    if stage.should_stop():
        return None
    generator = trained(stage, task.warm)
    content = build_content(task.terms, task)
    batches = fixed_batches(task, task.batches, task.patches)
    module = content.module(_term_factors(stage, generator, content, batches))
    norm = norm_of(stage, generator, module, batches)
    return {"key": stage.job.key, "kind": stage.job.kind.name, "gradient_norm": norm}


@phase("training")
def adversarial(stage: Stage[AdversarialTask]) -> dict[str, Any] | None:
    """Content, pixel and adversarial terms together, from the warm start."""
    prepare(stage)
    task, runtime = stage.task, runtime_of(stage.task)
    with training(stage, ADVERSARIAL_STREAM) as (sampler, hooks):
        generator = trained(stage, task.warm)
        content = build_content(task.terms, task)
        module, calibrated = _calibrated(stage, generator, content)
        if module is not None and runtime.loss_precision == "bf16":
            batches = fixed_batches(task, COSINE_BATCHES)
            with phase("calibration"):
                calibrated["bf16_gradient_cosine"] = gradient_cosine(
                    generator, module, batches, runtime, parts=stage.fit.calibration_parts
                )
        discriminator = build_discriminator(task.discriminator.channels, seed=task.seed)
        result = run_adversarial(
            generator,
            discriminator.to(task.device),
            module,
            sampler,
            adversarial_settings(task, calibrated["constant"], stage.fit.micro_batches),
            runtime,
            seed=task.seed,
            checkpoints=checkpoints(stage),
            hooks=hooks.hooks(collapse_rule(task, stage.fit), held_out_batches(task)),
        )
    if result.stopped:
        return None
    document = result_document(stage, generator, result)
    if module is None:
        return document
    document["calibration"] = calibrated
    document["weights"] = [info.model_dump(mode="json") for info in content.weight_infos()]
    document["cost"]["loss_parameters"] = content.parameter_count()
    document["cost"]["loss_gflops_per_step"] = loss_gflops(
        module, task.data.patch_size, task.batch_size, task.device
    )
    return document


def new_generator(task: TrainingTask) -> nn.Module:
    """The suite's generator with the seed's random weights, on the task's device."""
    return generator_of(task).build(seed=task.seed).to(task.device)


def warm_start_settings(task: WarmStartTask, micro_batches: int = 1) -> WarmStartSettings:
    """The suite's ``[warm_start]`` as training is told it."""
    return WarmStartSettings(**dict(task.warm_start), **_pace(task, micro_batches))


def adversarial_settings(
    task: AdversarialTask, constant: float = 1.0, micro_batches: int = 1
) -> AdversarialSettings:
    """The suite's ``[adversarial]`` for one content scale and calibration constant."""
    return AdversarialSettings(
        **dict(task.adversarial),
        content_scale=task.content_scale,
        content_constant=constant,
        **_pace(task, micro_batches),
    )


def _pace(task: WarmStartTask | AdversarialTask, micro_batches: int) -> dict[str, int]:
    return {
        # About 200 logged points per stage, at most one every 10 iterations.
        "log_every": max(10, task.iterations // 200),
        "validate_every": task.validation.every,
        "micro_batches": micro_batches,
    }


def _calibrated(
    stage: Stage[AdversarialTask], generator: nn.Module, content: ContentLoss
) -> tuple[nn.Module | None, dict[str, Any]]:
    """The content loss and the constant that brings it to the reference's gradient norm."""
    task = stage.task
    if not task.terms:
        return None, {"constant": 1.0}
    if task.calibration is None:
        return content.module(), {"mode": "raw", "constant": 1.0}
    reference = read_json(stage.out.result(task.calibration))["gradient_norm"]
    batches = fixed_batches(task, task.batches, task.patches)
    module = content.module(_term_factors(stage, generator, content, batches))
    # The reference itself was measured by the calibration job, on these very batches.
    own = reference if task.is_reference else norm_of(stage, generator, module, batches)
    return module, {
        "mode": "calibrated",
        "constant": calibration_constant(reference, own),
        "reference": task.reference,
        "gradient_norm": own,
        "reference_gradient_norm": reference,
        "batches": len(batches),
    }


def _term_factors(
    stage: Stage[Any], generator: nn.Module, content: ContentLoss, batches: Batches
) -> Sequence[float]:
    """Brings each term of a sum to gradient norm 1, so that the weights of the sum mean shares."""
    if len(content.losses) == 1:
        return [1.0]
    return [1.0 / norm_of(stage, generator, loss, batches) for loss in content.losses]
