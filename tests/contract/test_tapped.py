"""Taps equal what the modules return, whatever the network does to that tensor afterwards."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from srbench.contract.tapped import TappedNetwork, vgg_names
from srbench.errors import ContractError, UnknownName, UserError


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def vgg():
    torch.manual_seed(0)
    with torch.device("meta"):
        features = torchvision.models.vgg16(weights=None, init_weights=False).features
    features.to_empty(device="cpu")
    for parameter in features.parameters():
        nn.init.normal_(parameter, std=0.05)
    return nn.Sequential(OrderedDict(features=features)).eval()


def outputs_of(network, images):
    """Every module's own output, copied before anything can change it: the reference."""
    outputs: dict[str, list[torch.Tensor]] = {}
    handles = [
        module.register_forward_hook(
            lambda _m, _i, out, path=path: outputs.setdefault(path, []).append(out.clone())
        )
        for path, module in network.named_modules()
    ]
    with torch.no_grad():
        network(images)
    for handle in handles:
        handle.remove()
    return outputs


def test_every_vgg_tap_equals_the_module_output(vgg, images):
    reference = outputs_of(copy.deepcopy(vgg), images)
    names = vgg_names(vgg)
    assert len(names) == 31
    with torch.no_grad():
        features = TappedNetwork(copy.deepcopy(vgg), tuple(names))(images)
    for (name, path), feature in zip(names.items(), features, strict=True):
        assert torch.equal(feature, reference[path][0]), name


@pytest.mark.parametrize("tap", ["conv1_1", "relu1_1", "conv5_3", "relu5_3", "pool5"])
def test_one_tap_equals_the_module_output(vgg, images, tap):
    reference = outputs_of(copy.deepcopy(vgg), images)[vgg_names(vgg)[tap]][0]
    with torch.no_grad():
        (feature,) = TappedNetwork(copy.deepcopy(vgg), (tap,))(images)
    assert torch.equal(feature, reference)
    if tap.startswith("conv"):
        assert (feature < 0).any(), "a later in-place ReLU has overwritten the tap"


def test_before_activation_is_the_input_of_the_activation(vgg, images):
    before = TappedNetwork(copy.deepcopy(vgg), ("relu3_3", "relu5_3"), before_activation=True)
    named = TappedNetwork(copy.deepcopy(vgg), ("conv3_3", "conv5_3"))
    for left, right in zip(before(images), named(images), strict=True):
        assert torch.equal(left, right)


def test_before_activation_needs_an_activation(vgg):
    with pytest.raises(UserError, match=r"activation module.*'conv5_3'.*Conv2d"):
        TappedNetwork(copy.deepcopy(vgg), ("conv5_3",), before_activation=True)


def test_repeated_modules_are_counted_as_torchvision_counts_them(images):
    torch.manual_seed(0)
    resnet = torchvision.models.resnet50(weights=None).eval()
    taps = ["layer1.0.relu", "layer1.0.relu_1", "layer1.0.relu_2", "layer1.2", "layer4"]
    reference = create_feature_extractor(copy.deepcopy(resnet), {tap: tap for tap in taps})
    with torch.no_grad():
        expected = reference(images)
        features = TappedNetwork(resnet, taps)(images)
    # A ReLU in place and the next convolution only read these, so the extractor is right on them.
    for tap, feature in zip(taps, features, strict=True):
        assert torch.equal(feature, expected[tap]), tap


def test_a_tap_survives_the_residual_addition_in_place(images):
    torch.manual_seed(0)
    resnet = torchvision.models.resnet50(weights=None).eval()
    for bn in (m for m in resnet.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.normal_(bn.weight)
    reference = outputs_of(copy.deepcopy(resnet), images)["layer1.0.bn3"][0]
    with torch.no_grad():
        feature, _ = TappedNetwork(resnet, ["layer1.0.bn3", "layer1.1"])(images)
    assert torch.equal(feature, reference)


def test_nothing_is_computed_behind_the_last_tap(vgg, images):
    network = copy.deepcopy(vgg)
    calls = []
    for index, layer in enumerate(network.features):
        layer.register_forward_hook(lambda *_, index=index: calls.append(index))
    tapped = TappedNetwork(network, ("relu2_2", "conv1_1"))
    tapped(images)
    assert calls == list(range(9))


def test_the_order_of_the_taps_is_kept(vgg, images):
    late, early = TappedNetwork(copy.deepcopy(vgg), ("relu3_1", "relu1_1"))(images)
    assert (late.shape[1], early.shape[1]) == (256, 64)


def test_pickled_and_copied_networks_have_taps_of_their_own(vgg, images):
    tapped = TappedNetwork(copy.deepcopy(vgg), ("conv2_1", "relu2_2"))
    expected = tapped(images)
    for other in (pickle.loads(pickle.dumps(tapped)), copy.deepcopy(tapped)):
        assert all(map(torch.equal, other(images), expected))
    assert all(map(torch.equal, tapped(images), expected))


def test_the_network_itself_stays_usable(vgg, images):
    network = copy.deepcopy(vgg)
    expected = network(images)
    TappedNetwork(network, ("conv1_1",))(images)
    assert torch.equal(network(images), expected)


def test_no_feature_is_kept_after_the_pass(vgg, images):
    tapped = TappedNetwork(copy.deepcopy(vgg), ("relu1_1",))
    tapped(images)
    assert tapped._collector.features == {}
    with pytest.raises(RuntimeError):
        tapped(images[:, :1])
    assert not tapped._collector.active


def test_an_unknown_tap_names_its_neighbours(vgg):
    with pytest.raises(UnknownName, match=r"'conv5_4'; did you mean .*'conv5_3'"):
        TappedNetwork(copy.deepcopy(vgg), ("conv5_4",))


def test_alexnet_has_no_vgg_names():
    with torch.device("meta"):
        alexnet = torchvision.models.alexnet(weights=None)
    assert vgg_names(alexnet) == {}


def test_an_authors_own_names_are_understood(images):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    tapped = TappedNetwork(network, ("first",), names={"first": "0"})
    assert torch.equal(tapped(images)[0], network[0](images))


def test_a_tap_that_never_runs_is_an_error(images):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    with pytest.raises(ContractError, match=r"reach every tap.*'1_1': 1"):
        TappedNetwork(network, ("1_1",))(images)


def test_a_tap_that_is_no_tensor_is_an_error(images):
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    network = nn.Sequential(Pair())
    with pytest.raises(ContractError, match="one tensor, got tuple"):
        TappedNetwork(network, ("0",))(images)
