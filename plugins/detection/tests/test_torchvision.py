"""The detectors' data and losses against torchvision's own detectors."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import torch
import torchvision
from srbench_detection import plugin
from srbench_detection.networks import NETWORKS
from torch import nn
from torch.nn import functional as F
from torchvision.models import _api
from torchvision.ops.misc import FrozenBatchNorm2d

from srbench.contract import BuildContext
from srbench.contract.features import Normalize
from srbench.errors import UserError, WeightsError

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}
DETECTORS = [name for name in NETWORKS if name not in ("craft-vgg16-bn", "csrnet-vgg16")]
FILES = {name: spec.weights[0] for name, spec in SPECS.items()}
# Their first files know no epsilon, num_batches_tracked or the pyramid's later names.
FROZEN_NORM = {
    *("fasterrcnn-resnet50", "maskrcnn-resnet50", "keypointrcnn-resnet50", "retinanet-resnet50")
}
CONTAINERS = {"body", "fpn", "fpn.extra_blocks"}  # they give several tensors
NOT_OFFERED = ("extra.3", "extra.4")


def calls_of(network, side=320):
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


def architecture_of(name):
    """torchvision's name of the detector whose published file the loss declares."""
    (source,) = FILES[name].sources
    return next(
        architecture
        for architecture in torchvision.models.list_models(module=torchvision.models.detection)
        for weights in torchvision.models.get_model_weights(architecture)
        if weights.url == source.url
    )


def published(name, helpers):
    """A state dict with the keys of the file that torchvision publishes."""
    with torch.device("meta"):
        model = torchvision.models.get_model(
            architecture_of(name), weights=None, weights_backbone=None
        )
    state = helpers.seeded(model)
    if name in FROZEN_NORM:
        state = {
            re.sub(r"(fpn\.(?:inner|layer)_blocks\.\d+)\.0\.", r"\1.", key): value
            for key, value in state.items()
            if not key.endswith("num_batches_tracked")
        }
    return state


@pytest.fixture
def official(monkeypatch, helpers):
    """torchvision's detector as it builds it for its own weights, the download replaced."""

    def build(name):
        state = published(name, helpers)
        monkeypatch.setattr(_api.WeightsEnum, "get_state_dict", lambda *_, **__: dict(state))
        model = torchvision.models.get_model(architecture_of(name), weights="COCO_V1")
        return model.eval(), state

    return build


def build(name, resolver, **params):
    spec = SPECS[name]
    return spec.build(BuildContext(weights=resolver), spec.params(**params))


@pytest.mark.parametrize("name", DETECTORS)
def test_taps_are_what_the_forward_pass_calls(name):
    network = NETWORKS[name]
    calls = calls_of(network.empty()) - CONTAINERS
    skipped = "extra." if name.startswith("ssdlite") else NOT_OFFERED
    calls = {path for path in calls if not path.startswith(skipped)}
    assert set(network.taps.values()) == calls


@pytest.mark.parametrize("name", DETECTORS)
def test_weights_are_torchvisions_official_ones(name):
    official = torchvision.models.get_model_weights(architecture_of(name))["COCO_V1"]
    (source,), file = FILES[name].sources, FILES[name]
    assert source.url == official.url
    assert file.sha256_prefix == re.search(r"-([0-9a-f]{8})\.pth$", official.url)[1]
    assert file.size == pytest.approx(official.meta["_file_size"] * 2**20, abs=1024)


REPRESENTATIVES = [
    "fasterrcnn-resnet50",
    "fasterrcnn-resnet50-v2",
    "maskrcnn-resnet50",
    "retinanet-resnet50",
    "fcos-resnet50",
    "fasterrcnn-mobilenet-v3-large-320",
    "ssd300-vgg16",
    "ssdlite320-mobilenet-v3-large",
]


@pytest.mark.parametrize(
    "name",
    [n if n in REPRESENTATIVES else pytest.param(n, marks=pytest.mark.slow) for n in DETECTORS],
)
def test_features_are_those_of_torchvisions_detector(name, official, helpers, pair):
    model, state = official(name)
    network = NETWORKS[name]
    loss = build(name, helpers.Resolver({FILES[name].id: state}))
    normalize = Normalize(model.transform.image_mean, model.transform.image_std)
    default = network.taps[network.tap]
    with torch.no_grad():
        sr, hr = (read(model.backbone, default, normalize(images)) for images in pair)
        torch.testing.assert_close(loss(*pair), F.mse_loss(sr, hr), rtol=5e-5, atol=0)
    theirs = {
        m.eps
        for m in model.backbone.modules()
        if isinstance(m, (FrozenBatchNorm2d, nn.BatchNorm2d))
    }
    made = network.empty().modules()  # before they are folded into the convolutions
    assert {m.eps for m in made if isinstance(m, nn.BatchNorm2d)} == theirs


def read(network, path, images):
    class Found(Exception):
        pass

    def stop(_, __, output):  # SSD's later layers do not take images this small
        raise Found(output.clone())

    handle = network.get_submodule(path).register_forward_hook(stop)
    with pytest.raises(Found) as found:
        network(images)
    handle.remove()
    return found.value.args[0]


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("fasterrcnn-resnet50", {"p2": "0", "p3": "1", "p4": "2", "p5": "3"}),
        ("fcos-resnet50", {"p3": "0", "p4": "1", "p5": "2", "p6": "p6", "p7": "p7"}),
    ],
)
def test_pyramid_levels_are_what_the_heads_receive(name, levels, official, helpers, pair):
    model, state = official(name)
    resolver = helpers.Resolver({FILES[name].id: state})
    loss = build(name, resolver, taps=dict.fromkeys(levels, 1.0))
    with torch.no_grad():
        ours = loss.features(pair[0])
        theirs = model.backbone(loss.normalize(pair[0]))
    for level, key in levels.items():
        scale = theirs[key].abs().max().item()
        torch.testing.assert_close(ours[level], theirs[key], rtol=1e-4, atol=1e-5 * scale)


def test_sizes_of_levels_are_as_documented(helpers):
    name = "retinanet-resnet50-v2"
    state = published(name, helpers)
    resolver = helpers.Resolver({FILES[name].id: state})
    loss = build(name, resolver, taps={"p3": 1.0, "p5": 1.0, "layer4": 1.0})
    with torch.no_grad():
        maps = loss.features(torch.rand(1, 3, 96, 96))
    assert [tuple(maps[tap].shape[2:]) for tap in ("p3", "p5", "layer4")] == [
        (12, 12),
        (3, 3),
        (3, 3),
    ]


def test_both_levels_of_mobilenets_pyramid_are_at_one_32nd(helpers):
    name = "fasterrcnn-mobilenet-v3-large"
    resolver = helpers.Resolver({FILES[name].id: published(name, helpers)})
    taps = {"fpn.layer_blocks.0": 1.0, "fpn.layer_blocks.1": 1.0, "features.13": 1.0}
    loss = build(name, resolver, taps=taps)
    with torch.no_grad():
        maps = loss.features(torch.rand(1, 3, 96, 96))
    assert {tuple(features.shape[2:]) for features in maps.values()} == {(3, 3)}


def test_ssds_vgg_layers_go_by_their_exact_names(official, helpers, pair):
    model, state = official("ssd300-vgg16")
    resolver = helpers.Resolver({FILES["ssd300-vgg16"].id: state})
    names = ("conv1_1", "relu4_3", "pool4", "conv5_3", "relu5_3", "pool5", "conv7")
    loss = build("ssd300-vgg16", resolver, taps=dict.fromkeys(names, 1.0))
    backbone = model.backbone
    with torch.no_grad():
        ours = loss.features(pair[0])
        images = loss.normalize(pair[0])
        assert torch.equal(ours["conv1_1"], backbone.features[0](images))
        middle = backbone.features(images)
        assert torch.equal(ours["relu4_3"], middle)
        assert torch.equal(ours["pool4"], F.max_pool2d(middle, 2))
        conv5_3 = backbone.extra[0][:6](middle)
        assert torch.equal(ours["conv5_3"], conv5_3)
        assert torch.equal(ours["relu5_3"], conv5_3.relu())
        assert torch.equal(ours["pool5"], F.max_pool2d(conv5_3.relu(), 3, 1, 1))
        assert torch.equal(ours["conv7"], backbone.extra[0][7][1:4](ours["pool5"]))
    with pytest.raises(UserError, match="at least 16 x 16"):
        loss(torch.rand(1, 3, 15, 15), torch.rand(1, 3, 15, 15))


@pytest.mark.parametrize("name", ["fasterrcnn-resnet50", "ssdlite320-mobilenet-v3-large"])
def test_frozen_and_gradient_to_sr_only(name, helpers, pair):
    loss = build(name, helpers.Resolver({FILES[name].id: published(name, helpers)}))
    sr, hr = pair[0].clone().requires_grad_(), pair[1].clone().requires_grad_()
    loss(sr, hr).backward()
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().sum() > 0
    assert hr.grad is None
    assert loss(hr, hr) == 0
    assert not any(p.requires_grad or p.is_meta for p in loss.parameters())
    loss.train()
    assert not any(module.training for module in loss.modules())


def test_head_weights_are_not_needed_but_every_backbone_weight_is(helpers, pair):
    name = "ssdlite320-mobilenet-v3-large"
    state = published(name, helpers)
    kept = {key: value for key, value in state.items() if key.startswith("backbone.")}
    file = FILES[name]
    assert file.keep == ("backbone.",)
    whole = build(name, helpers.Resolver({file.id: state}))(*pair)
    assert torch.equal(build(name, helpers.Resolver({file.id: kept}))(*pair), whole)
    del kept["backbone.features.1.3.0.weight"]
    with pytest.raises(WeightsError, match=r"missing: features\.1\.3\.0\.weight"):
        build(name, helpers.Resolver({file.id: kept}))


@pytest.mark.parametrize("name", SPECS)
def test_missing_weights_are_refused(name, helpers):
    with pytest.raises(WeightsError, match=SPECS[name].weights[0].id):
        build(name, helpers.Resolver({}))
