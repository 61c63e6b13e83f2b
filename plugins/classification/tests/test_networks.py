"""The networks' data against the networks themselves, as torchvision and timm have them."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import torch
import torchvision
from srbench_classification.networks import NETWORKS
from srbench_classification.timm_params import TimmParams
from torch import nn

from srbench.contract.tapped import TappedNetwork

STARTING_STUDY = {
    *("vgg16", "vgg16-bn", "resnet152", "densenet201", "resnext101-32x8d", "wide-resnet101-2"),
    "inception-v3",
}
ADDED = {
    "vgg19",
    "vgg19-realesrgan",
    "alexnet",
    "mobilenet-v2",
    "efficientnet-lite0",
    "resnet50",
    "vgg16-caffe",
}
TORCHVISION = sorted(set(NETWORKS) - {"efficientnet-lite0"})
LAST_TAP = sorted(name for name, network in NETWORKS.items() if isinstance(network.tap, str))
HEAD = re.compile(r"(avgpool|dropout|fc|classifier|global_pool)(\.|$)")


def calls_of(network, side=299):
    """What the forward pass calls before the head, with ``_k`` for further calls."""
    counts, names = Counter(), set()

    def note(path, module):
        def hook(*_):
            names.add(path if not counts[path] else f"{path}_{counts[path]}")
            counts[path] += 1

        if path and not HEAD.match(path) and not isinstance(module, nn.Identity):
            module.register_forward_hook(hook)

    for path, module in network.named_modules():
        note(path, module)
    with torch.no_grad():
        network.eval()(torch.empty(1, 3, side, side, device="meta"))
    return names


def test_every_network_of_the_study_is_there():
    assert set(NETWORKS) == STARTING_STUDY | ADDED
    assert set(list(NETWORKS)[:7]) == STARTING_STUDY


@pytest.mark.parametrize("name", NETWORKS)
def test_tap_names_are_exactly_what_the_forward_pass_calls(name):
    network = NETWORKS[name]
    assert set(network.taps.values()) == calls_of(network.empty())
    assert set(network.taps) >= set(network.taps.values())
    assert network.params.known_taps() == set(network.taps)


@pytest.mark.parametrize("name", LAST_TAP)
def test_the_default_tap_is_what_the_head_receives(name):
    network = NETWORKS[name]
    tap = network.taps[network.tap]
    assert network.params().tap == network.tap
    module = network.empty().eval()
    if "features" in dict(module.named_children()):
        assert tap in ("features", f"features.{len(module.features) - 1}")
        return
    images, received = torch.empty(1, 3, 96, 96, device="meta"), []
    (features,) = TappedNetwork(module, (tap,))(images)
    pooling = module.global_pool if name == "efficientnet-lite0" else module.avgpool
    pooling.register_forward_pre_hook(lambda _, inputs: received.append(inputs[0].shape))
    module(images)
    assert received == [features.shape]


@pytest.mark.parametrize("name", TORCHVISION)
def test_weights_are_torchvisions_official_ones(name):
    network = NETWORKS[name]
    official = torchvision.models.get_model_weights(network.backbone)
    assert name == "vgg16-caffe" or next(iter(network.weights)) == "IMAGENET1K_V1"
    for tag, pretrained in network.weights.items():
        weights, file = official[tag], pretrained.file
        urls = [source.url for source in file.sources if hasattr(source, "url")]
        assert urls == [weights.url]
        digits = re.search(r"-([0-9a-f]{8})\.pth$", weights.url)[1]
        pinned = (file.sha256_prefix or "", file.file_sha256 or "")
        assert any(value.startswith(digits) for value in pinned)
        if file.size:
            assert file.size == pytest.approx(weights.meta["_file_size"] * 2**20, abs=1024)
        if name != "inception-v3":
            assert pretrained.mean == pytest.approx(tuple(weights.transforms().mean))
            assert pretrained.std == pytest.approx(tuple(weights.transforms().std))


def test_efficientnet_lite_has_timms_input_range():
    import timm

    config = timm.get_pretrained_cfg("tf_efficientnet_lite0.in1k")
    (pretrained,) = NETWORKS["efficientnet-lite0"].weights.values()
    assert (pretrained.mean, pretrained.std) == (config.mean, config.std)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_stated_minimum_size_is_the_real_one(name):
    network = NETWORKS[name]
    tapped = TappedNetwork(
        network.empty().eval(), tuple(network.params().tap_weights), names=network.taps
    )

    def works(side):
        try:
            return tapped(torch.empty(1, 3, side, side, device="meta"))[0].numel() > 0
        except RuntimeError:
            return False

    assert all(works(network.min_size + more) for more in (0, 1, 17))
    assert network.min_size == 1 or not works(network.min_size - 1)
    if name in TORCHVISION and name in LAST_TAP:
        official = torchvision.models.get_model_weights(network.backbone).IMAGENET1K_V1
        assert official.meta["min_size"] == (network.min_size,) * 2


def test_building_an_empty_network_draws_no_random_number():
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    for network in NETWORKS.values():
        network.empty()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_timm_taps_are_not_known_beforehand():
    assert TimmParams.known_taps() is None
