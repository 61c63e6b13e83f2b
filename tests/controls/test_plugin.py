"""The plugin ``controls``: its specs, and VGG16 with random weights."""

from __future__ import annotations

import math
import pickle

import pytest
import torch
import torchvision
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.controls import plugin
from srbench.controls.classics import CLASSICS
from srbench.controls.random_vgg import random_vgg16

SPECS = {spec.name: spec for spec in plugin.srbench_losses() if spec not in CLASSICS}


class NoWeights:
    """Controls have none to ask for."""

    def state_dict(self, weight_id):
        raise AssertionError(f"asked for {weight_id}")


def build(name, *, seed=0, **params):
    spec = SPECS[name]
    model = spec.params(**params) if spec.params else None
    return spec.build(BuildContext(weights=NoWeights(), seed=seed), model)


@pytest.fixture(scope="module")
def pair():
    generator = torch.Generator().manual_seed(5)
    return torch.rand(2, 1, 3, 64, 64, generator=generator).unbind(0)


def test_the_controls_say_what_they_are():
    assert set(SPECS) == {"l1", "l2", "charbonnier", "vgg16-random"}
    assert all("control" in spec.summary for spec in SPECS.values())
    assert all(spec.weights == () for spec in SPECS.values())
    assert SPECS["l2"].trains_on_metrics == ("psnr",)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_specs_pickle_and_build_a_loss(name, pair):
    spec = pickle.loads(pickle.dumps(SPECS[name]))
    assert spec == SPECS[name]
    sr = pair[0].clone().requires_grad_()
    value = build(name)(sr, pair[1])
    value.backward()
    assert torch.isfinite(value)
    assert value.dtype == torch.float32
    assert sr.grad.abs().sum() > 0


def test_random_weights_follow_the_seed_alone():
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = random_vgg16(3).state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(5)
    assert all(torch.equal(first[k], v) for k, v in random_vgg16(3).state_dict().items())
    assert not torch.equal(
        first["features.0.weight"], random_vgg16(4).state_dict()["features.0.weight"]
    )


def test_random_weights_have_torchvisions_keys_and_spread():
    with torch.device("meta"):
        features = torchvision.models.vgg16(weights=None).features
    expected = {f"features.{k}": v.shape for k, v in features.state_dict().items()}
    network = random_vgg16(0)
    assert {k: v.shape for k, v in network.state_dict().items()} == expected
    for layer in network.features:
        if isinstance(layer, nn.Conv2d):
            # torchvision: kaiming_normal_(mode="fan_out", nonlinearity="relu"), zero biases.
            spread = math.sqrt(2 / (layer.out_channels * 9))
            assert layer.weight.std().item() == pytest.approx(spread, rel=0.05)
            assert layer.bias.abs().max() == 0


def test_the_value_is_that_of_its_features(pair):
    network = random_vgg16(9).features
    normalize = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        sr, hr = (network[:29](normalize(images)) for images in pair)
    value = build("vgg16-random", seed=9, tap="conv5_3", distance="l1")(*pair)
    torch.testing.assert_close(value, F.l1_loss(sr, hr))


def test_before_activation(pair):
    named = build("vgg16-random", tap="conv5_3")
    before = build("vgg16-random", tap="relu5_3", before_activation=True)
    assert torch.equal(named(*pair), before(*pair))


def test_an_unknown_tap_is_refused_before_torch_is_needed():
    with pytest.raises(ValidationError, match=r"tap of vgg16, got 'conv5_4'; did you mean"):
        plugin.RandomVgg16Params(tap="conv5_4")
