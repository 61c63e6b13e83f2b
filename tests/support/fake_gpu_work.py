"""What a training job does, on the GPU of `fake_gpu`: ``python fake_gpu_work.py stages | LOSS...``.

Prints a JSON object: for each piece of work what went wrong, an empty text where nothing did.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any
from unittest import mock

import fake_gpu
import numpy as np
import pytest
import torch
from shipped import shipped_loss
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._pytree import tree_map_only

from srbench.metrics import score
from srbench.models import images
from srbench.models.discriminator import build_discriminator
from srbench.models.plugin import builtin_generator
from srbench.run.exec.attempts import Fit
from srbench.run.work import validation
from srbench.run.work.content import WeightedSum
from srbench.train import (
    AdversarialSettings,
    CheckpointFolder,
    Hooks,
    RuntimeSettings,
    WarmStartSettings,
    gradient_cosine,
    gradient_norm,
    run_adversarial,
    run_warm_start,
)
from srbench.train.adversarial import AdversarialStep
from srbench.train.adversarial_losses import ADVERSARIAL_LOSSES
from srbench.train.checkpoint import Checkpoint
from srbench.train.monitor import Monitor
from srbench.train.runtime import Placement
from srbench.weights import WeightStore

DEVICE = fake_gpu.register()
WEIGHTS = {"content_weight": 0.7, "pixel_weight": 0.3, "adversarial_weight": 0.05}
LOW = RuntimeSettings(
    device=fake_gpu.NAME, precision="bf16", loss_precision="bf16", fused_adam=False
)


def unread_loss(name: str) -> tuple[nn.Module, int]:
    with fake_gpu.building():
        return shipped_loss(name, values=False)


def networks(average: float = 0.0) -> tuple[nn.Module, nn.Module]:
    with fake_gpu.building():
        generator = builtin_generator("msrresnet", {"blocks": 1, "channels": 4}, 4).build()
        return generator, build_discriminator(4)


def batch(size: int) -> tuple[Tensor, Tensor]:
    return tuple(torch.rand(2, 3, side, side, device=DEVICE) for side in (size // 4, size))  # type: ignore[return-value]


def one_step(content: nn.Module, size: int, **settings: Any) -> AdversarialStep:
    """Forward, both backward passes and Adam, no value read."""
    chosen = AdversarialSettings(iterations=3, **WEIGHTS, **settings)
    step = AdversarialStep(*networks(), content, chosen, Placement(device=DEVICE, settings=LOW))
    lr, hr = batch(size)
    values = step(lr, hr, 0)
    Monitor(step.terms, DEVICE).add(0, values)
    on_device(values, *gradients(step.generator), *gradients(step.discriminator))
    return step


def gradients(network: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in network.parameters()]  # type: ignore[misc]


def on_device(*tensors: Tensor) -> None:
    places = {str(tensor.device) for tensor in tensors}
    assert places == {str(DEVICE)}, f"expected all on {DEVICE}, got {places}"


def check_loss(name: str) -> None:
    content, size = unread_loss(name)
    with fake_gpu.computing():
        one_step(content, size)


class Left(nn.Module):
    """A loss with a constant that `.to(device)` does not move."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.zeros(1, 3, 1, 1)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return (sr - hr - self.mean).square().mean()


class Reading(nn.Module):
    """A loss that waits for the device."""

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        value = (sr - hr).square().mean()
        return value if float(value) > 0 else 2 * value


class Double(nn.Module):
    """A loss in float64."""

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return (sr.double() - hr).square().mean()


class InMemory(CheckpointFolder):
    """A checkpoint as its file gives it back: on the CPU."""

    kept: Checkpoint | None = None

    def save(self, iteration: int, state: dict[str, Any]) -> Any:
        held = tree_map_only(FakeTensor, lambda t: t.cpu(), state)
        self.kept = Checkpoint(iteration=iteration, state=held)

    def load(self) -> tuple[Checkpoint | None, tuple[str, ...]]:
        return self.kept, ()


class Batches:
    """A sampler of one batch."""

    wait_fraction = 0.0
    position = 0

    def next(self) -> tuple[Tensor, Tensor]:
        self.position += 1
        return batch(32)

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position = state["position"]


class AtOnce:
    """Instead of a pool of threads, which fake tensors do not enter."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def __enter__(self) -> AtOnce:
        return self

    def __exit__(self, *_: Any) -> None: ...
    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*args))
        return future


def black(image: Tensor) -> Any:
    """`to_uint8` of a fake image."""
    on_device(image)
    return np.zeros((*image.shape[-2:], 3), dtype=np.uint8)


def real_weights(load: Callable[..., Any]) -> Callable[..., Any]:
    """A metric's weights are read from a file, which fake tensors cannot."""

    def state_dict(self: WeightStore, weight_id: str) -> Any:
        with fake_gpu.building():
            return load(self, weight_id)

    return state_dict


class Photographs:
    """Held-out images."""

    names = ("a", "b")

    def __len__(self) -> int:
        return 2

    def load(self, index: int) -> Any:
        return np.full((64, 72 + index, 3), 128, dtype=np.uint8)


def check_stage(run: Callable[..., Any], **settings: Any) -> None:
    """A stage with validation, stopped after an iteration, resumed in fresh networks and ended."""
    checkpoints = InMemory(None)  # type: ignore[arg-type]
    validator = validation.Validator(
        Photographs(),
        metrics=("psnr", "ssim", "lpips"),
        generator=builtin_generator("msrresnet", {"blocks": 1, "channels": 8}, 4),
        device=fake_gpu.NAME,
        fit=Fit(),
    )
    with (
        fake_gpu.computing(float64=True),  # of metrics
        fake_gpu.Readable(),
        # What is read is 1, and that would be the iteration in which a term went NaN.
        mock.patch.object(Monitor, "check", lambda self: on_device(self._sum, self._first)),
        mock.patch.object(WeightStore, "state_dict", real_weights(WeightStore.state_dict)),
        mock.patch.object(images, "to_uint8", black),
        mock.patch.object(score, "ThreadPoolExecutor", AtOnce),
        mock.patch.object(score, "as_completed", list),
    ):
        held_out = [batch(32)] * 2
        for stops in ((False, True), itertools.repeat(False)):
            answers: Iterator[bool] = iter(stops)
            hooks = Hooks(
                should_stop=lambda answers=answers: next(answers),  # type: ignore[misc]
                validate=lambda generator, _: validator(generator),
                held_out=held_out,
            )
            result = run(checkpoints, hooks, **settings)
    assert (result.resumed_from, result.iterations) == (1, 2)
    assert set(result.validation[-1][1]) == {"psnr", "ssim", "lpips"}


def warm_start(checkpoints: CheckpointFolder, hooks: Hooks) -> Any:
    generator, _ = networks()
    settings = WarmStartSettings(iterations=2)
    result = run_warm_start(
        generator, Batches(), settings, LOW, seed=0, checkpoints=checkpoints, hooks=hooks
    )
    on_device(*generator.parameters())
    return result


def adversarial(checkpoints: CheckpointFolder, hooks: Hooks, parts: int) -> Any:
    generator, discriminator = networks()
    content = WeightedSum([unread_loss("l1")[0], unread_loss("charbonnier")[0]], [1.0, 2.0])
    settings = AdversarialSettings(iterations=2, micro_batches=parts, **WEIGHTS)
    result = run_adversarial(
        generator,
        discriminator,
        content,
        Batches(),
        settings,
        LOW,
        seed=0,
        checkpoints=checkpoints,
        hooks=hooks,
    )
    on_device(*generator.parameters(), *discriminator.parameters(), *content.buffers())
    return result


def check_calibration(measure: Callable[..., float]) -> None:
    with fake_gpu.computing(), fake_gpu.Readable() as reading:
        measure(networks()[0], unread_loss("vgg16-random")[0], [batch(32)], LOW)
    assert reading.reads > 0


def check_caught(content: nn.Module, words: str) -> None:
    """A mistake that a real GPU would punish is an error here."""
    with fake_gpu.computing(), pytest.raises(Exception, match=words):
        one_step(content, 32)


def stages() -> Iterator[tuple[str, Callable[[], None]]]:
    yield "warm start", lambda: check_stage(warm_start)
    for parts in (1, 2):
        yield f"{parts} micro-batches", lambda parts=parts: check_stage(adversarial, parts=parts)  # type: ignore[misc]
    for name in ADVERSARIAL_LOSSES:
        yield name, lambda name=name: in_computing(name)  # type: ignore[misc]
    for measure in (gradient_norm, gradient_cosine):
        yield measure.__name__, lambda measure=measure: check_calibration(measure)  # type: ignore[misc]
    yield "left on the CPU", lambda: check_caught(Left(), "two (different )?devices")
    yield "float64", lambda: check_caught(Double(), "float64")
    yield "reading", lambda: check_caught(Reading(), "_local_scalar_dense")


def in_computing(name: str) -> None:
    with fake_gpu.computing():
        one_step(unread_loss("l2")[0], 32, adversarial_loss=name, random_offset=4)


def report(work: Iterator[tuple[str, Callable[[], None]]]) -> dict[str, str]:
    found = {}
    for name, check in work:
        try:
            check()
            found[name] = ""
        except Exception as error:
            found[name] = f"{type(error).__name__}: {str(error)[:400]}"
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    names = sys.argv[1:]
    losses = ((name, lambda name=name: check_loss(name)) for name in names)
    print(json.dumps(report(stages() if names == ["stages"] else losses)), flush=True)
    os._exit(0)  # torch is not made for the end of a device
