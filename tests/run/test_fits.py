"""What had no room is known by its phase; the next attempt does what is learnt of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from srbench.contract import MetricSpec
from srbench.data import find_dataset
from srbench.errors import OutOfMemory
from srbench.imaging import write_image
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import ScoreError, Scorer
from srbench.models.files import TrainedGenerator
from srbench.models.images import published
from srbench.models.plugin import builtin_generator
from srbench.records.layout import OutFolder
from srbench.run.exec.attempts import Fit
from srbench.run.exec.events import EventLog
from srbench.run.exec.failures import describe_exception
from srbench.run.exec.process import worker_environment
from srbench.run.work.hooks import StageHooks
from srbench.run.work.loggers import LoggedRun, Loggers
from srbench.run.work.stage import norm_of
from srbench.run.work.validation import Validator
from srbench.settings import Execution

from .conftest import fake_job

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
SMALL = builtin_generator("msrresnet", {"blocks": 1, "channels": 4}, 4)


def full(*given: Any) -> Any:
    raise FULL


def test_a_full_device_in_validation_is_no_reason_to_cut_training_batches(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "events.jsonl")
    validator: Any = full
    logged = LoggedRun(out=OutFolder(tmp_path), name="mine-s1", key="", settings={})
    hooks = StageHooks(
        events=events,
        loggers=Loggers((), logged, events),
        should_stop=lambda: False,
        validator=validator,
    ).hooks()
    with pytest.raises(OutOfMemory) as error:
        hooks.validate(torch.nn.Identity(), 5)
    events.close()
    failure = describe_exception(error.value)
    assert (failure.kind, failure.phase) == ("OutOfMemory", "validation")
    assert "20.00 MiB" in failure.message


class Full(torch.nn.Module):
    def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        if len(sr) > 1:
            raise FULL
        return (sr - hr).square().mean()


def test_calibration_has_parts_of_its_own() -> None:
    task = SimpleNamespace(execution=Execution(threads=1), device="cpu")
    batches = [(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 32, 32))]

    def norm(fit: Fit) -> float:
        stage: Any = SimpleNamespace(task=task, fit=fit)
        return norm_of(stage, SMALL.build(seed=1), Full(), batches)

    with pytest.raises(OutOfMemory) as error:
        norm(Fit(micro_batches=2))
    assert error.value.phase == "calibration"
    assert norm(Fit(calibration_parts=2)) > 0


def spec(name: str, metric: Callable[..., Any]) -> MetricSpec:
    return MetricSpec(
        name=name, version=1, lower_is_better=True, reference="full", license="MIT",
        build=lambda context: metric,
    )  # fmt: skip


def broken(sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("sizes do not fit")


def test_a_metric_without_room_is_not_a_metric_that_fails() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    pairs = [ImagePair(name="a", sr=image, hr=image)]
    for metric, expected in ((full, OutOfMemory), (broken, ScoreError)):
        scorer = Scorer([spec("metric", metric)], protocol="y4-v2", scale=4)
        with pytest.raises(expected) as error:
            scorer.score(pairs)
    del error
    scorer = Scorer([spec("metric", full)], protocol="y4-v2", scale=4)
    with pytest.raises(OutOfMemory) as told:
        scorer.score(pairs)
    assert told.value.phase == "metrics"


class Watched(torch.nn.Module):
    """A generator that remembers the largest side that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.largest = SMALL.build(seed=3), 0

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        self.largest = max(self.largest, *lr.shape[-2:])
        out: torch.Tensor = self.network(lr)
        return out


@pytest.fixture
def images(tmp_path: Path) -> Any:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        image = rng.integers(0, 256, (240, 400, 3), dtype=np.uint8)
        write_image(tmp_path / "val" / f"{name}.png", image)
    return find_dataset(f"folder:{tmp_path / 'val'}")


def test_validation_on_a_device_is_tiled_and_scores_the_same(images: Any) -> None:
    radius = SMALL.receptive_radius
    assert radius is not None
    found = {}
    # The second name is the CPU too, and is treated as every device is that is not plainly it.
    for device, tile, largest in (("cpu", 32, 100), ("cpu:0", 32, 32 + 2 * radius)):
        validate = Validator(
            images, metrics=("psnr",), generator=SMALL, device=device, fit=Fit(tile=tile)
        )
        generator = Watched().eval()
        found[device] = validate(generator)["psnr"]
        assert generator.largest == largest
    assert found["cpu:0"] == pytest.approx(found["cpu"], abs=1e-4)


def test_published_images_are_the_same_in_smaller_tiles() -> None:
    lr = np.random.default_rng(1).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    made = [
        published(TrainedGenerator(network=SMALL.build(seed=3).eval(), generator=SMALL), tile=tile)(
            lr
        )
        for tile in (256, 32)
    ]
    assert np.array_equal(*made)


def test_a_worker_on_a_gpu_lets_its_memory_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    job = fake_job("a")
    assert "PYTORCH_CUDA_ALLOC_CONF" not in worker_environment(job, {})
    gpu = on_gpu(job, deterministic=False)
    environment = worker_environment(gpu, {})
    assert environment["PYTORCH_CUDA_ALLOC_CONF"] == "expandable_segments:True"
    assert "CUBLAS_WORKSPACE_CONFIG" not in environment
    # torch refuses cuBLAS in deterministic mode without one of two workspaces.
    fixed = worker_environment(on_gpu(job, deterministic=True), {})
    assert fixed["CUBLAS_WORKSPACE_CONFIG"] in (":4096:8", ":16:8")
    for name in ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"):  # what the user says counts
        with monkeypatch.context() as patch:
            patch.setenv(name, "max_split_size_mb:128")
            told = worker_environment(gpu, {})
            assert [v for k, v in told.items() if k.endswith("ALLOC_CONF")] == [
                "max_split_size_mb:128"
            ]


def on_gpu(job: Any, *, deterministic: bool) -> Any:
    execution = job.task.execution.but(deterministic=deterministic)
    return SimpleNamespace(task=job.task.but(device="cuda", execution=execution))
