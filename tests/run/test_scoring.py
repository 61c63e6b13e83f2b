from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srbench.contract import MetricSpec
from srbench.data import find_dataset
from srbench.imaging import crop_to_multiple, degrade, to_tensor, write_image
from srbench.metrics.score import Scorer
from srbench.records.layout import OutFolder
from srbench.run.plan.tasks import TargetTask
from srbench.run.work import lr_images
from srbench.run.work.lr_images import LrImages
from srbench.run.work.scoring import _Metrics, _score, _write_images
from srbench.run.writing import read_json


def build_difference(ctx: Any) -> Any:
    return lambda sr, hr: (sr - hr).abs().mean(dim=(1, 2, 3))


def build_nan_if_constant(ctx: Any) -> Any:
    return lambda sr, hr: sr.std(dim=(1, 2, 3)) / sr.std(dim=(1, 2, 3))


def spec(name: str, build: Any) -> MetricSpec:
    return MetricSpec(
        name=name, version=1, lower_is_better=True, reference="full", build=build, license="MIT"
    )


def unheard(done: int, total: int) -> None:
    """Nobody listens for signs of life."""


def test_a_score_that_is_not_finite_costs_that_score_alone(tmp_path: Path) -> None:
    specs = [spec("difference", build_difference), spec("fragile", build_nan_if_constant)]
    rng = np.random.default_rng(0)
    hr = tmp_path / "data"
    for name in ("a", "b"):
        write_image(hr / f"{name}.png", rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    dataset = find_dataset(f"folder:{hr}")
    out = OutFolder(tmp_path / "out")
    for row, pixels in (("fine", None), ("constant", 128)):
        for name in ("a", "b"):
            image = dataset.load(0) if pixels is None else np.full((32, 32, 3), pixels, np.uint8)
            write_image(out.images("d", row) / f"{name}.png", image)
    group = [
        TargetTask(
            row=row,
            kind="trained",
            dataset="d",
            identity="",
            training=None,
            scores={s.name: f"{row}-{s.name}" for s in specs},
        )
        for row in ("fine", "constant")
    ]
    metrics = _Metrics(specs, Scorer(specs, protocol="y4-v1", scale=4), 1)
    _score(metrics, group, dataset, hr, out, unheard)

    assert out.scores("fine-difference").exists()
    assert out.scores("fine-fragile").exists()
    assert out.scores("constant-difference").exists()
    assert not out.scores("constant-fragile").exists()
    assert "fragile" in read_json(out.score_error("constant-fragile"))["message"]


def test_images_of_another_generator_are_made_again(tmp_path: Path) -> None:
    dataset = find_dataset("photos-test")
    folder = tmp_path / "images"

    def grey(value: float) -> Any:
        return lambda lr: torch.full((1, 3, 4 * lr.shape[2], 4 * lr.shape[3]), value)

    inputs = LrImages(dataset, 4)
    _write_images(inputs, folder, "first", grey(0.0), 2, unheard)
    before = (folder / "coffee.png").read_bytes()
    _write_images(inputs, folder, "first", grey(1.0), 2, unheard)
    assert (folder / "coffee.png").read_bytes() == before  # same identity: kept
    _write_images(inputs, folder, "second", grey(1.0), 2, unheard)
    assert (folder / "coffee.png").read_bytes() != before


def test_lr_is_made_once_and_equals_the_degradation(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = find_dataset("photos-test")
    inputs = LrImages(dataset, 4)
    expected = degrade(to_tensor(crop_to_multiple(dataset.load(0), 4)), 4)
    assert torch.equal(inputs.lr(0), expected)
    monkeypatch.setattr(lr_images, "degrade", None)
    assert torch.equal(inputs.lr(0), expected)
    with pytest.raises(TypeError, match="not callable"):
        inputs.lr(1)


def test_lr_beyond_the_limit_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = find_dataset("photos-test")
    first = degrade(to_tensor(crop_to_multiple(dataset.load(0), 4)), 4)
    monkeypatch.setattr(lr_images, "_LARGEST", first.numel())
    inputs = LrImages(dataset, 4)
    inputs.lr(0)
    second = inputs.lr(1)
    monkeypatch.setattr(lr_images, "degrade", lambda hr, scale: torch.zeros_like(second))
    assert torch.equal(inputs.lr(0), first)
    assert torch.equal(inputs.lr(1), torch.zeros_like(second))
