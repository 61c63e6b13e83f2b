"""Shared by the tests of this room: test sets, pretrained weights, small pairs of images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from srbench.imaging import read_image

ROOT = Path(__file__).resolve().parents[2]


def _find(name: str) -> Path:
    roots = os.environ.get("SRBENCH_DATA", "")
    folders = [Path(root) for root in roots.split(os.pathsep) if root]
    for folder in (*folders, ROOT.parent / "shared" / "data"):
        if (folder / name).is_dir():
            return folder / name
    pytest.skip(f"test set {name} is neither in SRBENCH_DATA nor in ../shared/data")


@pytest.fixture(scope="session")
def test_set():
    return _find


@pytest.fixture(scope="session")
def weights():
    from srbench.metrics.plugin import METRICS
    from srbench.weights import WeightStore

    return WeightStore(file for spec in METRICS for file in spec.weights)


@pytest.fixture(scope="session")
def specs():
    from srbench.metrics.plugin import METRICS

    return {spec.name: spec for spec in METRICS}


@pytest.fixture(scope="session")
def photo_pair():
    """A photograph of 200 x 300 px, and itself after losing detail; uint8."""
    import skimage.data

    from srbench.imaging import degrade, to_tensor, to_uint8, upscale

    hr = skimage.data.astronaut()[:200, 100:400]
    sr = to_uint8(upscale(degrade(to_tensor(hr), 4), 4))
    return sr, np.ascontiguousarray(hr)


@pytest.fixture
def write(tmp_path):
    """Write an image below ``tmp_path`` and return its path."""
    from srbench.imaging import write_image

    def _write(name: str, image: np.ndarray) -> Path:
        write_image(tmp_path / name, image)
        assert read_image(tmp_path / name).shape == image.shape
        return tmp_path / name

    return _write
