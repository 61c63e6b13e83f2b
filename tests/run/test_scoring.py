from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from srbench.contract import MetricSpec
from srbench.data import find_dataset
from srbench.imaging import crop_to_multiple, lr_image, pixels_sha256, read_image, write_image
from srbench.metrics.score import Scorer
from srbench.records.layout import OutFolder
from srbench.run.plan.tasks import TargetTask
from srbench.run.work import lr_images
from srbench.run.work.lr_images import LrImages
from srbench.run.work.scoring import _Metrics, _score, _write_images
from srbench.run.work.sources import KeptImages
from srbench.run.writing import read_json, write_json


def build_difference(ctx: Any) -> Any:
    return lambda sr, hr: (sr - hr).abs().mean(dim=(1, 2, 3))


def build_nan_if_constant(ctx: Any) -> Any:
    return lambda sr, hr: sr.std(dim=(1, 2, 3)) / sr.std(dim=(1, 2, 3))


def spec(name: str, build: Any) -> MetricSpec:
    return MetricSpec(
        name=name, version=1, lower_is_better=True, reference="full", build=build, license="MIT"
    )


TASK: Any = SimpleNamespace(scale=4, workers=2)
"""What the writing of images asks of a scoring task."""


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
        write_json(out.images("d", row) / ".source.json", {"pixels": {"a": "0" * 64}})
    group = [
        TargetTask(
            row=row,
            kind="trained",
            dataset="d",
            identity="",
            manifest="",
            training=None,
            scores={s.name: f"{row}-{s.name}" for s in specs},
        )
        for row in ("fine", "constant")
    ]
    metrics = _Metrics(specs, Scorer(specs, protocol="y4-v2", scale=4), 1)
    sources = {row: KeptImages(out.images("d", row)) for row in ("fine", "constant")}
    _score(metrics, group, dataset, hr, out, unheard, sources)

    assert out.scores("fine-difference").exists()
    assert out.scores("fine-fragile").exists()
    assert out.scores("constant-difference").exists()
    assert not out.scores("constant-fragile").exists()
    assert "fragile" in read_json(out.score_error("constant-fragile"))["message"]


def test_images_of_another_generator_are_made_again(tmp_path: Path) -> None:
    dataset = find_dataset("photos-test")
    folder = tmp_path / "images"

    def grey(value: int) -> Any:
        return lambda: lambda lr: np.full((4 * lr.shape[0], 4 * lr.shape[1], 3), value, np.uint8)

    inputs = LrImages(dataset, 4)
    _write_images(inputs, folder, "first", grey(0), TASK, unheard)
    before = (folder / "coffee.png").read_bytes()
    _write_images(inputs, folder, "first", grey(255), TASK, unheard)
    assert (folder / "coffee.png").read_bytes() == before  # same identity: kept
    _write_images(inputs, folder, "second", grey(255), TASK, unheard)
    assert (folder / "coffee.png").read_bytes() != before
    stated = read_json(folder / ".source.json")["pixels"]
    assert stated == {
        name: pixels_sha256(read_image(folder / f"{name}.png")) for name in dataset.names
    }


def test_images_without_hashes_are_made_again(tmp_path: Path) -> None:
    dataset = find_dataset("photos-test")
    _write_images(LrImages(dataset, 4), tmp_path, "hr", lambda: None, TASK, unheard)
    note = read_json(tmp_path / ".source.json")
    del note["pixels"]
    write_json(tmp_path / ".source.json", note)
    (tmp_path / "coffee.png").unlink()
    _write_images(LrImages(dataset, 4), tmp_path, "hr", lambda: None, TASK, unheard)
    assert (tmp_path / "coffee.png").exists()


def test_lr_is_made_once_and_equals_the_degradation(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = find_dataset("photos-test")
    inputs = LrImages(dataset, 4)
    expected = lr_image(crop_to_multiple(dataset.load(0), 4), 4)
    assert np.array_equal(inputs.lr(0), expected)
    monkeypatch.setattr(lr_images, "lr_image", None)
    assert np.array_equal(inputs.lr(0), expected)
    with pytest.raises(TypeError, match="not callable"):
        inputs.lr(1)


def test_lr_beyond_the_limit_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = find_dataset("photos-test")
    first = lr_image(crop_to_multiple(dataset.load(0), 4), 4)
    monkeypatch.setattr(lr_images, "_LARGEST", first.size)
    inputs = LrImages(dataset, 4)
    inputs.lr(0)
    second = inputs.lr(1)
    monkeypatch.setattr(lr_images, "lr_image", lambda hr, scale: np.zeros_like(second))
    assert np.array_equal(inputs.lr(0), first)
    assert np.array_equal(inputs.lr(1), np.zeros_like(second))
