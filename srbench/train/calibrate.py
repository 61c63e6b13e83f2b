"""Calibration: content losses brought to one strength, measured at the generator's parameters.

Raw feature losses differ in scale by thousands, so a raw comparison compares weights instead of
losses. The strength of a loss is the root mean square, over fixed training batches, of the norm of
its gradient with respect to all parameters of the warm-started generator. Always float32, with
BatchNorm on its running statistics, which stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from srbench.errors import ContractError, UserError
from srbench.train.micro_batch import MicroBatch, micro_batches
from srbench.train.runtime import Placement, session
from srbench.train.settings import RuntimeSettings

Batches = Iterable[tuple[Tensor, Tensor]]
"""``(lr, hr)`` pairs, as ``PatchSampler.fixed_batches`` gives them."""


def gradient_norm(
    generator: nn.Module,
    content_loss: nn.Module,
    batches: Batches,
    runtime: RuntimeSettings,
    *,
    seed: int = 0,
    parts: int = 1,
) -> float:
    """RMS over ``batches`` of the norm of d content_loss / d generator parameters.

    Args:
        generator: moved to the runtime's device; weights, statistics, gradients and modes stay.
        runtime: gives the device and the threads; precision, TF32 and compilation are ignored.
        seed: for losses that draw random numbers.
        parts: that each batch is computed in, gradients summed, where memory is short.

    Raises:
        ContractError: the norm is zero, or not finite, or the loss has no gradient.
        UserError: no batches.
    """
    squares: list[float] = []
    with session(_exact(runtime), seed=seed) as placement, _frozen(placement, generator):
        placement.module(content_loss)
        parameters = [p for p in generator.parameters() if p.requires_grad]
        for lr, hr in batches:
            gradients: list[Tensor | None] = [None] * len(parameters)
            for part in micro_batches(placement.images(lr), placement.images(hr), parts):
                value = part.scaled(_scalar(content_loss(generator(part.lr), part.hr)))
                new = torch.autograd.grad(value, parameters, allow_unused=True)
                gradients = [_added(a, b) for a, b in zip(gradients, new, strict=True)]
            squares.append(
                # On the CPU: not every device has float64.
                sum(float(g.cpu().double().square().sum()) for g in gradients if g is not None)
            )
    norm = math.sqrt(sum(squares) / _count(squares))
    if not math.isfinite(norm) or norm == 0:
        raise ContractError(
            f"expected a positive, finite gradient norm of the content loss, got {norm}",
            "a loss without a usable gradient on training patches can not be calibrated: check "
            "its tap, its input range, and `srbench check`",
        )
    return norm


def calibration_constant(reference_norm: float, own_norm: float) -> float:
    """What a loss is multiplied by to be as strong as the reference: ``reference / own``.

    Raises:
        UserError: a norm is not a positive finite number.
    """
    for what, norm in (("reference", reference_norm), ("own", own_norm)):
        if not math.isfinite(norm) or norm <= 0:
            raise UserError(f"expected a positive, finite {what} gradient norm, got {norm!r}")
    return reference_norm / own_norm


def gradient_cosine(
    generator: nn.Module,
    content_loss: nn.Module,
    batches: Batches,
    runtime: RuntimeSettings,
    *,
    seed: int = 0,
    parts: int = 1,
) -> float:
    """Mean over ``batches`` of the cosine between the loss's bf16 and float32 gradients at SR.

    What ``loss_precision = "bf16"`` costs: 1 would be nothing.

    Raises:
        ContractError: as for :func:`gradient_norm`.
        UserError: no batches.
    """
    cosines: list[float] = []
    with session(_exact(runtime), seed=seed) as placement, _frozen(placement, generator):
        placement.module(content_loss)
        low = Placement(
            device=placement.device, settings=placement.settings.but(loss_precision="bf16")
        )
        for lr, hr in batches:
            batch = micro_batches(placement.images(lr), placement.images(hr), parts)
            pairs = [
                [_image_gradient(generator, content_loss, part, p) for p in (placement, low)]
                for part in batch
            ]
            exact, rough = (torch.cat(gradients) for gradients in zip(*pairs, strict=True))
            norms = torch.linalg.vector_norm(exact) * torch.linalg.vector_norm(rough)
            cosines.append(float(torch.sum(exact * rough) / norms))
    cosine = sum(cosines) / _count(cosines)
    if not math.isfinite(cosine):
        raise ContractError(
            f"expected finite, non-zero gradients of the content loss, got a cosine of {cosine}",
            "keep execution.loss_precision at float32 for this loss",
        )
    return cosine


def _image_gradient(
    generator: nn.Module, content_loss: nn.Module, part: MicroBatch, placement: Placement
) -> Tensor:
    with torch.no_grad():
        image = generator(part.lr)
    with placement.losses():
        value = part.scaled(_scalar(content_loss(image.requires_grad_(), part.hr)).float())
    gradient: Tensor = torch.autograd.grad(value, image)[0]
    return gradient.cpu().double()  # not every device has float64


def _exact(runtime: RuntimeSettings) -> RuntimeSettings:
    return runtime.but(
        precision="float32",
        loss_precision="float32",
        tf32=False,
        compile=False,
        channels_last=False,
    )


@contextmanager
def _frozen(placement: Placement, generator: nn.Module) -> Iterator[None]:
    placement.module(generator)
    modes = {module: module.training for module in generator.modules()}
    generator.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _scalar(value: Tensor) -> Tensor:
    if value.ndim or not value.requires_grad:
        raise ContractError(
            "expected a content loss that returns a scalar with a gradient with respect to SR, "
            f"got shape {tuple(value.shape)}, requires_grad={value.requires_grad}",
            "return the mean over the batch and do not detach sr",
        )
    return value


def _added(total: Tensor | None, new: Tensor | None) -> Tensor | None:
    if total is None or new is None:
        return total if new is None else new
    return total + new


def _count(values: list[float]) -> int:
    if not values:
        raise UserError("expected at least one calibration batch, got none")
    return len(values)
