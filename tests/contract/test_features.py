"""FeatureLoss: its value, what its gradients reach, and that it stays frozen."""

from __future__ import annotations

import copy
import doctest
import pickle
from collections import OrderedDict

import pytest
import torch
import torchvision
from fake_cuda import needs_fake_cuda
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from srbench.contract import features as features_module
from srbench.contract.features import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    SRGAN_FEATURE_SCALE,
    FeatureLoss,
    Normalize,
)
from srbench.errors import UnknownName, UserError

IMAGENET = (IMAGENET_MEAN, IMAGENET_STD)


def small_network() -> nn.Module:
    """Six layers with a BatchNorm and in-place activations; seeded."""
    torch.manual_seed(3)
    layers = OrderedDict(
        conv=nn.Conv2d(3, 8, 3, padding=1),
        bn=nn.BatchNorm2d(8),
        relu=nn.ReLU(inplace=True),
        conv2=nn.Conv2d(8, 8, 3, stride=2),
        relu2=nn.ReLU(inplace=True),
        head=nn.Conv2d(8, 4, 1),
    )
    network = nn.Sequential(layers)
    nn.init.normal_(network.bn.running_mean)
    nn.init.uniform_(network.bn.running_var, 0.5, 2.0)
    return network


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(7)
    return torch.rand(2, 3, 32, 32, generator=generator), torch.rand(
        2, 3, 32, 32, generator=generator
    )


@pytest.mark.parametrize(("tap", "index"), [("conv5_3", 28), ("relu5_3", 29), ("pool5", 30)])
@pytest.mark.parametrize(("distance", "formula"), [("l1", F.l1_loss), ("l2", F.mse_loss)])
def test_value_is_the_distance_of_torchvisions_features(pair, tap, index, distance, formula):
    torch.manual_seed(0)
    with torch.device("meta"):
        layers = torchvision.models.vgg16(weights=None, init_weights=False).features
    layers.to_empty(device="cpu")
    for parameter in layers.parameters():
        nn.init.normal_(parameter, std=0.04)
    normalize = torchvision.transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)
    sr, hr = pair
    with torch.no_grad():
        expected = formula(layers[: index + 1](normalize(sr)), layers[: index + 1](normalize(hr)))
    loss = FeatureLoss(layers, tap, normalize=IMAGENET, distance=distance)
    torch.testing.assert_close(loss(sr, hr), expected, rtol=1e-6, atol=0)


def test_weighted_taps_add_up(pair):
    both = FeatureLoss(small_network(), {"bn": 0.5, "relu2": 3.0}, normalize=IMAGENET)
    first = FeatureLoss(small_network(), "bn", normalize=IMAGENET)
    second = FeatureLoss(small_network(), "relu2", normalize=IMAGENET)
    expected = 0.5 * first(*pair) + 3.0 * second(*pair)
    torch.testing.assert_close(both(*pair), expected)


@pytest.mark.parametrize(("distance", "factor"), [("l1", 1 / 12.75), ("l2", 1 / 12.75**2)])
def test_the_feature_scale_multiplies_features(pair, distance, factor):
    plain = FeatureLoss(small_network(), "relu2", normalize=IMAGENET, distance=distance)
    scaled = FeatureLoss(
        small_network(),
        "relu2",
        normalize=IMAGENET,
        distance=distance,
        feature_scale=SRGAN_FEATURE_SCALE,
    )
    torch.testing.assert_close(scaled(*pair), factor * plain(*pair))


def test_gradients_reach_sr_only(pair):
    loss = FeatureLoss(small_network(), "relu2", normalize=IMAGENET)
    sr, hr = (images.requires_grad_() for images in pair)
    value = loss(sr, hr)
    value.backward()
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert sr.grad is not None
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().sum() > 0
    assert hr.grad is None
    assert all(not p.requires_grad and p.grad is None for p in loss.parameters())


def test_the_gradient_is_that_of_the_formula(pair):
    loss = FeatureLoss(small_network(), "head", normalize=IMAGENET).double()
    sr, hr = (images[:1, :, :6, :6].double() for images in pair)
    assert torch.autograd.gradcheck(lambda x: loss(x, hr), (sr.requires_grad_(),))


def test_batch_norm_stays_frozen_whatever_train_says(pair):
    loss = FeatureLoss(small_network(), "relu2", normalize=IMAGENET)
    expected, before = loss(*pair), copy.deepcopy(loss.state_dict())
    owner = nn.ModuleDict({"generator": nn.Conv2d(3, 3, 1), "loss": loss})
    owner.train()
    assert owner["generator"].training
    assert not any(module.training for module in loss.modules())
    assert torch.equal(loss(*pair), expected)
    for name, value in loss.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_equal_images_cost_nothing_and_the_order_does_not_matter(pair):
    loss = FeatureLoss(small_network(), "bn", normalize=IMAGENET, distance="l1")
    sr, hr = pair
    assert loss(sr, sr) == 0
    torch.testing.assert_close(loss(sr, hr), loss(hr, sr))


@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 4), side=st.integers(8, 24))
def test_the_value_is_the_mean_over_the_batch(batch, side):
    generator = torch.Generator().manual_seed(batch * 100 + side)
    sr, hr = torch.rand(2, batch, 3, side, side, generator=generator)
    loss = FeatureLoss(small_network(), "relu2", normalize=IMAGENET)
    each = torch.stack([loss(sr[i : i + 1], hr[i : i + 1]) for i in range(batch)])
    torch.testing.assert_close(loss(sr, hr), each.mean())


def test_a_network_that_starts_in_place_leaves_the_images_alone(pair):
    loss = FeatureLoss(nn.Sequential(nn.ReLU(inplace=True)), "0", normalize=None)
    sr, hr = (images - 0.5 for images in pair)
    kept = sr.clone()
    loss(sr, hr)
    assert torch.equal(sr, kept)


def test_a_normalisation_may_be_a_function_or_a_module(pair):
    module = FeatureLoss(small_network(), "relu2", normalize=Normalize([0.5] * 3, [0.5] * 3))
    function = FeatureLoss(small_network(), "relu2", normalize=lambda x: 2 * x - 1)
    torch.testing.assert_close(module(*pair), function(*pair))


def test_features_are_given_by_name(pair):
    loss = FeatureLoss(small_network(), {"relu2": 1.0, "bn": 1.0}, normalize=IMAGENET)
    taps = loss.features(pair[0])
    assert {name: tuple(value.shape) for name, value in taps.items()} == {
        "relu2": (2, 8, 15, 15),
        "bn": (2, 8, 32, 32),
    }


def test_float32_value_under_autocast_and_for_a_bfloat16_generator(pair):
    loss = FeatureLoss(small_network(), {"relu2": 1.0, "bn": 0.1}, normalize=IMAGENET)
    sr, hr = pair
    expected = loss(sr, hr)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = loss(sr, hr)
    half = sr.bfloat16().requires_grad_()
    of_half = loss(half, hr)
    of_half.backward()
    assert under_autocast.dtype == of_half.dtype == torch.float32
    assert half.grad.dtype == torch.bfloat16
    torch.testing.assert_close(under_autocast, expected, rtol=0.05, atol=0)
    torch.testing.assert_close(of_half, expected, rtol=0.05, atol=0)


def test_it_pickles_and_copies(pair):
    loss = FeatureLoss(small_network(), {"relu2": 1.0, "bn": 0.1}, normalize=IMAGENET)
    expected = loss(*pair)
    for other in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert torch.equal(other(*pair), expected)


@pytest.mark.slow
def test_it_compiles_without_a_graph_break(pair):
    loss = FeatureLoss(small_network(), {"relu2": 1.0, "bn": 0.1}, normalize=IMAGENET)
    sr, hr = pair
    (gradient,) = torch.autograd.grad(loss(sr.requires_grad_(), hr), sr)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    value = compiled(sr, hr)
    torch.testing.assert_close(value, loss(sr, hr))
    torch.testing.assert_close(torch.autograd.grad(value, sr)[0], gradient)


@needs_fake_cuda
def test_every_constant_moves_to_cuda_with_the_loss():
    loss = FeatureLoss(small_network(), {"relu2": 1.0, "bn": 0.1}, normalize=IMAGENET)
    # No GPU needed: a fake tensor refuses to be added to one of another device.
    with FakeTensorMode(allow_non_fake_inputs=True):
        loss = loss.to("cuda")
        sr = torch.rand(2, 3, 32, 32, device="cuda", requires_grad=True)
        value = loss(sr, torch.rand(2, 3, 32, 32, device="cuda"))
    assert value.device.type == "cuda"
    assert value.requires_grad


def test_constants_are_buffers_but_not_saved():
    loss = FeatureLoss(small_network(), "relu2", normalize=IMAGENET)
    assert {name for name, _ in loss.named_buffers()} >= {"normalize.mean", "normalize.std"}
    assert not any(name.startswith("normalize") for name in loss.state_dict())


@pytest.mark.parametrize(
    ("sr", "hr", "message"),
    [
        (torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8), r"sr as RGB.*\(1, 1, 8, 8\)"),
        (torch.zeros(3, 8, 8), torch.zeros(3, 8, 8), r"sr as RGB.*\(3, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9), "one shape"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(2, 3, 8, 8), "one shape"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "hr as RGB.*uint8"),
        (torch.zeros(1, 3, 7, 9), torch.zeros(1, 3, 7, 9), "at least 8 x 8 pixels, got 7 x 9"),
    ],
)
def test_wrong_images_are_refused(sr, hr, message):
    loss = FeatureLoss(small_network(), "relu2", normalize=IMAGENET, min_size=8)
    with pytest.raises(UserError, match=message):
        loss(sr, hr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"taps": {}}, "at least one tap"),
        ({"taps": {"bn": -1.0}}, "positive finite weight"),
        ({"distance": "l3"}, "'l1' or 'l2', got 'l3'"),
        ({"feature_scale": 0.0}, "positive finite feature_scale"),
        ({"normalize": ((0.5,), (0.5,))}, "three means"),
        ({"normalize": ((0.5,) * 3, (0.0,) * 3)}, "positive standard"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        FeatureLoss(small_network(), **{"taps": "bn", "normalize": IMAGENET, **arguments})


def test_an_unknown_tap_is_refused():
    with pytest.raises(UnknownName, match=r"'relu3'; did you mean 'relu' or 'relu2'"):
        FeatureLoss(small_network(), "relu3", normalize=IMAGENET)


def test_examples_in_the_documentation():
    result = doctest.testmod(features_module)
    assert result.attempted > 0
    assert result.failed == 0
