"""The training step on the device: it never waits, its curve, its compiled and captured forms."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srbench import load_loss
from srbench.data import PatchSampler, find_dataset, prepare_store
from srbench.errors import ContractError
from srbench.models.discriminator import build_discriminator
from srbench.models.plugin import builtin_generator
from srbench.train import AdversarialSettings, CheckpointFolder, Hooks, RuntimeSettings
from srbench.train.adversarial import AdversarialStep, run_adversarial
from srbench.train.captured import WARM_UP
from srbench.train.runtime import peak_memory_bytes, session

pytestmark = pytest.mark.accelerator

STEPS = 20


@contextmanager
def patches(device: str, batch_size: int = 2) -> Iterator[PatchSampler]:
    store = prepare_store(find_dataset("photos"))
    with PatchSampler(
        store, patch_size=32, batch_size=batch_size, scale=4, seed=3, device=device
    ) as sampler:
        yield sampler


@functools.cache
def content() -> torch.nn.Module:
    return load_loss("vgg16-random")


def networks() -> Any:
    generator = builtin_generator("msrresnet", {"blocks": 1, "channels": 8}, 4)
    return generator.build(seed=1), build_discriminator(4, seed=1)


def settings(**more: Any) -> AdversarialSettings:
    chosen = {"iterations": STEPS, "learning_rate": 1e-4, "pixel_weight": 0.1, "log_every": 1}
    return AdversarialSettings(**{**chosen, "adversarial_weight": 5e-3, **more})


def train(
    device: str, folder: Path, *, steps: int = STEPS, hooks: Hooks | None = None, **runtime: Any
) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    """The logged points and the generator of a short run; some checkpoints."""
    generator, discriminator = networks()
    with patches(device) as sampler:
        result = run_adversarial(
            generator, discriminator, content(), sampler, settings(iterations=steps),
            RuntimeSettings(device=device, **runtime), seed=7, hooks=hooks,
            checkpoints=CheckpointFolder(folder, identity="certify", every_iterations=5),
        )  # fmt: skip
    values = [dict(values) for _, values in result.log]
    return values, {name: tensor.cpu() for name, tensor in generator.state_dict().items()}


def curve(points: list[dict[str, float]]) -> np.ndarray[Any, Any]:
    names = ("content", "pixel", "adversarial", "discriminator")
    return np.array([[point[name] for name in names] for point in points])


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("micro_batches", [1, 4])
def test_nothing_in_a_step_waits_for_the_device(
    cuda: str, micro_batches: int, precision: Any
) -> None:
    """The sampler and the placing of its batches included."""
    runtime = RuntimeSettings(device=cuda, precision=precision)
    with session(runtime, seed=0) as where, patches(cuda, 4) as sampler:
        chosen = settings(micro_batches=micro_batches)
        step = AdversarialStep(*networks(), content(), chosen, where)

        def one(iteration: int) -> None:
            step(*(where.images(images) for images in sampler.next()), iteration)

        for iteration in range(3):
            one(iteration)  # the first ones allocate, and time kernels
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for iteration in range(3, 8):
                one(iteration)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_the_curve_of_20_steps_is_the_cpus(
    device: str, tmp_path: Path, record_property: Any
) -> None:
    """On the CPU: in another memory layout."""
    other = {"threads": 1, "channels_last": False} if device == "cpu" else {}
    expected = curve(train("cpu", tmp_path / "cpu", threads=1)[0])
    found = curve(train(device, tmp_path / "device", **other)[0])
    difference = (np.abs(found - expected) / expected.max(axis=0)).max(axis=1)
    record_property("first step", float(f"{difference[0]:.2g}"))
    record_property("largest", float(f"{difference.max():.2g}"))
    assert difference[0] < 1e-3
    assert difference.max() < 5e-2


class _KilledError(BaseException):
    """Nothing catches it."""


@pytest.mark.parametrize("cuda_graph", [False, True])
def test_killed_and_resumed_gives_the_same_bits(
    device: str, cuda_graph: bool, tmp_path: Path
) -> None:
    """With deterministic algorithms, which the CPU always has."""
    if cuda_graph and not device.startswith("cuda"):
        pytest.skip("is a matter of CUDA alone")
    if device.startswith(("mps", "xpu")):
        pytest.skip("nothing is promised of this device")
    fixed = {"deterministic": True, "cuda_graph": cuda_graph}
    points, whole = train(device, tmp_path / "whole", steps=10, **fixed)

    def kill(done: int, total: int) -> None:
        if done == 7:
            raise _KilledError

    with pytest.raises(_KilledError):
        train(device, tmp_path / "killed", steps=10, hooks=Hooks(on_progress=kill), **fixed)
    again, resumed = train(device, tmp_path / "killed", steps=10, **fixed)
    assert np.array_equal(curve(again), curve(points))
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


@pytest.mark.parametrize("form", ["compile", "cuda_graph"])
def test_other_forms_of_the_step_agree(gpu: str, form: str, tmp_path: Path) -> None:
    if form == "cuda_graph" and not gpu.startswith("cuda"):
        pytest.skip("is a matter of CUDA alone")
    expected = curve(train(gpu, tmp_path / "plain")[0])
    found = curve(train(gpu, tmp_path / "other", **{form: True})[0])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-3)
    assert (np.abs(found - expected) / expected.max(axis=0)).max() < 5e-2


class _Reading(torch.nn.Module):
    def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        value = (sr - hr).square().mean()
        return value if float(value.detach()) > 0 else 2 * value


def test_a_loss_that_reads_a_value_cannot_be_captured_and_that_is_said(cuda: str) -> None:
    runtime = RuntimeSettings(device=cuda, cuda_graph=True)
    with session(runtime, seed=0) as where, patches(cuda) as sampler:
        step = AdversarialStep(*networks(), _Reading(), settings(), where)
        batch = [where.images(images) for images in sampler.next()]
        for iteration in range(WARM_UP):
            step(*batch, iteration)
        with pytest.raises(ContractError, match="can be captured as a CUDA graph"):
            step(*batch, WARM_UP)


def test_float16_finds_its_scale_and_follows_float32(
    device: str, tmp_path: Path, record_property: Any
) -> None:
    """What GPUs without bf16 train in: the values of the first step, and no step skipped later."""
    exact = curve(train("cpu", tmp_path / "cpu", steps=1, threads=1)[0])
    points = train(device, tmp_path / "half", steps=10, precision="float16")[0]
    difference = np.abs(curve(points[:1]) - exact).max() / exact.max()
    record_property("first step", float(f"{difference:.2g}"))
    record_property("skipped steps", sum(point["skipped"] for point in points))
    assert difference < 2e-2
    assert points[-1]["skipped"] == 0


def test_global_settings_are_put_back(device: str) -> None:
    def state() -> tuple[object, ...]:
        cudnn = torch.backends.cudnn
        return (
            torch.get_float32_matmul_precision(), cudnn.enabled, cudnn.benchmark,
            cudnn.deterministic, cudnn.allow_tf32, torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(), torch.get_rng_state().sum().item(),
        )  # fmt: skip

    before = state()
    with session(RuntimeSettings(device=device, tf32=True, threads=1), seed=5):
        torch.rand(3, device=device)
    assert state() == before


def test_batches_are_the_cpus_under_stress(gpu: str) -> None:
    """Pinned buffers come back only when the copy that read them has ended."""
    with patches("cpu", 16) as expected, patches(gpu, 16) as found:
        for _ in range(200):
            batch = found.next()
            busy = batch[1].flatten(1).T
            for _ in range(4):
                busy = busy @ (busy.T @ busy) * 1e-9  # the device is behind, the sampler ahead
            assert all(
                (a - b.cpu()).abs().max() <= 1.01 / 255
                for a, b in zip(expected.next(), batch, strict=True)
            )


def test_peak_memory_is_stated(device: str, record_property: Any) -> None:
    with session(RuntimeSettings(device=device), seed=0):
        held = torch.ones(64 * 2**20, dtype=torch.uint8, device=device)
        peak = peak_memory_bytes(torch.device(device))
        assert int(held[0]) == 1
    record_property("MiB", peak // 2**20)
    assert peak >= 64 * 2**20
