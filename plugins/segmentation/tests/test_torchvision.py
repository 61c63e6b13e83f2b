"""torchvision's networks: data against the networks themselves, features against the full model."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import torch
import torchvision
from srbench_segmentation import plugin
from srbench_segmentation.networks import NETWORKS
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.errors import UnknownName, WeightsError

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}
FILES = {name: SPECS[name].weights[0] for name in NETWORKS}


def calls_of(network, side=224):
    """What the forward pass calls, with ``_k`` for further calls."""
    counts, names = Counter(), set()

    def note(path, module):
        def hook(*_):
            names.add(path if not counts[path] else f"{path}_{counts[path]}")
            counts[path] += 1

        if path:
            module.register_forward_hook(hook)

    for path, module in network.named_modules():
        note(path, module)
    with torch.no_grad():
        network.eval()(torch.empty(1, 3, side, side, device="meta"))
    return names


def full_model(name, device="meta"):
    with torch.device(device):
        return torchvision.models.get_model(
            name.replace("-", "_"), weights=None, weights_backbone=None
        ).eval()


def build(name, resolver, **params):
    spec = SPECS[name]
    return spec.build(BuildContext(weights=resolver), spec.params(**params))


@pytest.mark.parametrize("name", NETWORKS)
def test_taps_are_exactly_what_the_forward_pass_calls(name):
    network = NETWORKS[name]
    assert set(network.taps.values()) == calls_of(network.empty())


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_torchvisions_official_ones(name):
    (official,) = torchvision.models.get_model_weights(name.replace("-", "_"))
    (source,) = FILES[name].sources
    assert source.url == official.url
    assert FILES[name].sha256_prefix == re.search(r"-([0-9a-f]{8})\.pth$", official.url)[1]
    assert FILES[name].size == pytest.approx(official.meta["_file_size"] * 2**20, abs=1024)
    transform = official.transforms()
    assert tuple(transform.mean) == (0.485, 0.456, 0.406)
    assert tuple(transform.std) == (0.229, 0.224, 0.225)


@pytest.mark.parametrize("name", NETWORKS)
def test_default_value_is_the_mse_of_what_the_decoder_receives(name, helpers, pair):
    model = full_model(name)
    state = helpers.seeded(model)
    model.load_state_dict(state, assign=True)
    resolver = helpers.Resolver({FILES[name].id: state})
    loss = build(name, resolver)
    (official,) = torchvision.models.get_model_weights(name.replace("-", "_"))
    normalize = torchvision.transforms.Normalize(
        official.transforms().mean, official.transforms().std
    )
    last = {"lraspp-mobilenet-v3-large": "high"}.get(name, "out")
    with torch.no_grad():
        sr, hr = (model.backbone(normalize(images))[last] for images in pair)
        torch.testing.assert_close(loss(*pair), F.mse_loss(sr, hr), rtol=2e-5, atol=0)
    assert resolver.asked == [FILES[name].id]


@pytest.mark.parametrize("name", ["fcn-resnet50", "lraspp-mobilenet-v3-large"])
def test_frozen_and_gradient_to_sr_only(name, helpers, pair):
    state = helpers.seeded(full_model(name))
    loss = build(name, helpers.Resolver({FILES[name].id: state}))
    sr, hr = pair[0].clone().requires_grad_(), pair[1].clone().requires_grad_()
    value = loss(sr, hr)
    value.backward()
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().sum() > 0
    assert hr.grad is None
    assert loss(hr, hr) == 0
    assert not any(p.requires_grad or p.is_meta for p in loss.parameters())
    loss.train()
    assert not any(module.training for module in loss.modules())


def test_decoder_weights_are_not_needed_but_every_encoder_weight_is(helpers, pair):
    name = "lraspp-mobilenet-v3-large"
    state = helpers.seeded(full_model(name))
    kept = {key: value for key, value in state.items() if key.startswith("backbone.")}
    file = FILES[name]
    assert file.keep == ("backbone.",)
    whole = build(name, helpers.Resolver({file.id: state}))(*pair)
    assert torch.equal(build(name, helpers.Resolver({file.id: kept}))(*pair), whole)
    del kept["backbone.3.block.0.0.weight"]
    with pytest.raises(WeightsError, match=r"missing: 3\.block\.0\.0\.weight"):
        build(name, helpers.Resolver({file.id: kept}))


@pytest.mark.parametrize("name", NETWORKS)
def test_missing_weights_are_refused(name, helpers):
    with pytest.raises(WeightsError, match=FILES[name].id):
        build(name, helpers.Resolver({}))


@pytest.mark.parametrize(
    ("name", "tap", "near"),
    [
        ("fcn-resnet50", "layer5", "layer4"),
        ("deeplabv3-resnet101", "layer3.23.conv3", "layer3.22.conv3"),
        ("lraspp-mobilenet-v3-large", "features.17", "features.16"),
        ("hed-vgg16", "conv5_4", "conv5_3"),
        ("segformer", "stage1", "stage3"),
    ],
)
def test_unknown_taps_are_refused_at_once(name, tap, near):
    with pytest.raises(ValueError, match=f"'{re.escape(tap)}'; did you mean .*{near!r}"):
        SPECS[name].params(tap=tap)


def test_inner_layers_are_those_of_the_classifier(helpers, pair):
    name = "deeplabv3-mobilenet-v3-large"
    model = full_model(name)
    state = helpers.seeded(model)
    model.load_state_dict(state, assign=True)
    loss = build(name, helpers.Resolver({FILES[name].id: state}), tap="features.4.block.2")
    with torch.no_grad():
        images = loss.normalize(pair[0])
        for index in range(4):
            images = model.backbone[str(index)](images)
        expected = model.backbone["4"].block[:3](images)
        ours = loss.features(pair[0])["features.4.block.2"]
        # Its BatchNorm is folded: the same sums, otherwise rounded.
        torch.testing.assert_close(
            ours, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item()
        )


def test_the_network_refuses_taps_that_it_lacks(helpers):
    name = "lraspp-mobilenet-v3-large"
    resolver = helpers.Resolver({FILES[name].id: helpers.seeded(full_model(name))})
    params = SPECS[name].params.model_construct(tap="features.17", taps=None)
    with pytest.raises(UnknownName, match=r"features\.17"):
        plugin.build_network(BuildContext(weights=resolver), params)
