"""Each network's loss, built from state dicts with torchvision's real keys."""

from __future__ import annotations

import re
from collections import OrderedDict

import pytest
import torch
import torchvision
from fake_cuda import needs_fake_cuda
from srbench_classification import plugin
from srbench_classification.networks import NETWORKS
from srbench_classification.weights import densenet_names
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.errors import UnknownName, UserError, WeightsError

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}
STARTING_STUDY = [
    *("vgg16", "vgg16-bn", "resnet152", "densenet201", "resnext101-32x8d", "wide-resnet101-2"),
    "inception-v3",
]


def as_published(name, helpers):
    """A state dict with the oddities of the file that torchvision publishes."""
    architecture = NETWORKS[name].backbone
    options = {"init_weights": False, "aux_logits": True} if name == "inception-v3" else {}
    state = helpers.official_state_dict(architecture, **options)
    if name == "densenet201":  # names of torchvision 0.1, no num_batches_tracked
        state = {
            re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", key): value
            for key, value in state.items()
            if not key.endswith("num_batches_tracked")
        }
        assert "features.denseblock1.denselayer1.norm.1.weight" in state
    if name == "wide-resnet101-2":  # the V1 file is stored in float16
        state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    return state


def build(name, resolver, **params):
    spec = SPECS[name]
    return spec.build(BuildContext(weights=resolver), spec.params(**params))


def resolver_for(name, helpers):
    (file,) = SPECS[name].weights
    if name == "efficientnet-lite0":
        import timm

        with torch.device("meta"):
            network = timm.create_model("tf_efficientnet_lite0")
        state = helpers.seeded(network)
    else:
        state = as_published(name, helpers)
        convert = file.sources[-1].convert
        state = convert(state) if convert is not None else state
    return helpers.Resolver({file.id: state})


@pytest.mark.parametrize("name", NETWORKS)
def test_finite_value_and_gradient_at_96_px(name, helpers, pair):
    resolver = resolver_for(name, helpers)
    loss = build(name, resolver)
    sr, hr = pair[0].clone().requires_grad_(), pair[1].clone().requires_grad_()
    value = loss(sr, hr)
    value.backward()
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert value > 0
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().sum() > 0
    assert hr.grad is None
    assert loss(hr, hr) == 0
    assert resolver.asked == [SPECS[name].weights[0].id]
    assert not any(p.requires_grad or p.is_meta for p in loss.parameters())
    loss.train()
    assert not any(module.training for module in loss.modules())


@needs_fake_cuda
@pytest.mark.parametrize("name", NETWORKS)
def test_every_constant_goes_to_the_gpu(name, helpers):
    loss = build(name, resolver_for(name, helpers))
    with FakeTensorMode(allow_non_fake_inputs=True):
        on_gpu = loss.to("cuda")(*(torch.rand(1, 3, 96, 96, device="cuda") for _ in range(2)))
    assert on_gpu.device.type == "cuda"


def reference_features(name, helpers):
    """Images in [0, 1] to the last feature layer, by torchvision's own network and transform."""
    architecture = NETWORKS[name].backbone
    official = torchvision.models.get_model_weights(architecture).IMAGENET1K_V1
    options = {"init_weights": False} if name == "inception-v3" else {}
    with torch.device("meta"):
        network = torchvision.models.get_model(architecture, weights=None, **options).eval()
    if name == "inception-v3":
        network.transform_input = True  # as torchvision sets it when it loads pretrained weights
    state = {key: value.float() for key, value in as_published(name, helpers).items()}
    network.load_state_dict(densenet_names(state), assign=True)
    transform = official.transforms()
    normalize = torchvision.transforms.Normalize(transform.mean, transform.std)
    children = OrderedDict(network.named_children())
    if "features" in children:
        return lambda images: network.features(normalize(images))
    if name == "inception-v3":
        return lambda images: _before(network, network.avgpool, normalize(images))
    trunk = nn.Sequential(*[m for n, m in children.items() if n not in ("avgpool", "fc")])
    return lambda images: trunk(normalize(images))


def _before(network, module, images):
    kept = []
    handle = module.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    network(images)
    handle.remove()
    return kept[0]


@pytest.mark.parametrize("name", [*STARTING_STUDY, "vgg19", "alexnet", "mobilenet-v2"])
def test_default_value_is_the_mse_of_torchvisions_last_features(name, helpers, pair):
    features = reference_features(name, helpers)
    with torch.no_grad():
        expected = F.mse_loss(features(pair[0]), features(pair[1]))
        value = build(name, resolver_for(name, helpers))(*pair)
    torch.testing.assert_close(value, expected, rtol=2e-5, atol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_missing_weights_are_refused(name, helpers):
    with pytest.raises(WeightsError, match=re.escape(SPECS[name].weights[0].id)):
        build(name, helpers.Resolver({}))


@pytest.mark.parametrize("name", ["vgg16", "resnet152", "efficientnet-lite0"])
def test_incomplete_weights_are_refused(name, helpers):
    resolver = resolver_for(name, helpers)
    (state,) = resolver.state_dicts.values()
    gone = next(key for key in state if key.endswith("weight"))
    del state[gone]
    with pytest.raises(WeightsError, match=f"missing: {re.escape(gone)}"):
        build(name, resolver)


def test_alexnet_needs_no_classifier(helpers, pair):
    whole = resolver_for("alexnet", helpers)
    (state,) = whole.state_dicts.values()
    assert "classifier.6.bias" in state
    kept = {key: value for key, value in state.items() if key.startswith("features.")}
    alone = helpers.Resolver({"alexnet-imagenet": kept})
    assert torch.equal(build("alexnet", alone)(*pair), build("alexnet", whole)(*pair))


def test_the_weights_tag_chooses_file_and_range(helpers, pair):
    spec = SPECS["vgg16"]
    params = spec.params(weights="IMAGENET1K_FEATURES", tap="conv5_3")
    assert [file.id for file in spec.resolve(params).weights] == ["vgg16-imagenet-features"]
    state = helpers.official_state_dict("vgg16")
    resolver = helpers.Resolver({"vgg16-imagenet-features": state})
    loss = spec.build(BuildContext(weights=resolver), params)
    official = torchvision.models.VGG16_Weights.IMAGENET1K_FEATURES.transforms()
    white = torchvision.transforms.Normalize(official.mean, official.std)(torch.ones(1, 3, 1, 1))
    torch.testing.assert_close(loss.normalize(torch.ones(1, 3, 1, 1)), white)


def test_resolving_defaults_changes_nothing():
    for name in NETWORKS:
        spec = SPECS[name]
        assert spec.resolve(spec.params()) == spec


def test_inception_refuses_what_is_too_small(helpers):
    loss = build("inception-v3", resolver_for("inception-v3", helpers))
    small = torch.rand(1, 3, 74, 80)
    with pytest.raises(UserError, match="at least 75 x 75 pixels, got 74 x 80"):
        loss(small, small)
    assert torch.isfinite(loss(torch.rand(1, 3, 75, 75), torch.rand(1, 3, 75, 75)))


def test_parameters_reach_the_loss(helpers, pair):
    resolver = resolver_for("vgg16", helpers)
    taps = {"relu2_2": 0.5, "conv5_3": 2.0}
    parts = [weight * build("vgg16", resolver, tap=tap)(*pair) for tap, weight in taps.items()]
    both = build("vgg16", resolver, taps=taps)
    torch.testing.assert_close(both(*pair), sum(parts))
    scaled = build("vgg16", resolver, taps=taps, distance="l1", feature_scale=1 / 12.75)
    plain = build("vgg16", resolver, taps=taps, distance="l1")
    torch.testing.assert_close(scaled(*pair) * 12.75, plain(*pair))
    before = build("vgg16", resolver, tap="relu5_3", before_activation=True)
    assert torch.equal(before(*pair), build("vgg16", resolver, tap="conv5_3")(*pair))


def test_alexnet_layers_go_by_their_usual_names(helpers, pair):
    resolver = resolver_for("alexnet", helpers)
    named = build("alexnet", resolver, tap="conv5")
    assert torch.equal(named(*pair), build("alexnet", resolver, tap="features.10")(*pair))


@pytest.mark.parametrize(
    ("name", "tap", "near"),
    [
        ("vgg16", "conv5_4", "conv5_3"),
        ("vgg16-bn", "bn5_4", "bn5_3"),
        ("resnet152", "layer5", "layer4"),
        ("inception-v3", "mixed_7c", "Mixed_7c"),
        ("alexnet", "conv6", "conv5"),
    ],
)
def test_unknown_taps_are_refused_at_once(name, tap, near):
    with pytest.raises(ValueError, match=f"got {tap!r}; did you mean .*{near!r}"):
        SPECS[name].params(tap=tap)


def test_unknown_taps_are_refused_by_the_network_as_well(helpers):
    resolver = resolver_for("mobilenet-v2", helpers)
    params = SPECS["mobilenet-v2"].params.model_construct(tap="features.19", taps=None)
    with pytest.raises(UnknownName, match=r"features\.19"):
        plugin.build_network(BuildContext(weights=resolver), params)
