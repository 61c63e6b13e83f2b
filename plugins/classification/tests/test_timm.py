"""``timm``: any model, named in the suite."""

from __future__ import annotations

import pytest
import timm
import torch
from pydantic import ValidationError
from srbench_classification import plugin
from srbench_classification.timm_params import TimmParams
from torch.nn import functional as F

from srbench.contract import BuildContext, HubSource
from srbench.errors import UnknownName, WeightsError

SPEC = plugin.TIMM


def build(params, resolver):
    return SPEC.build(BuildContext(weights=resolver), params)


def resolver_for(model, helpers):
    with torch.device("meta"):
        network = timm.create_model(model)
    return helpers.Resolver({f"timm-{model}": helpers.seeded(network)})


@pytest.mark.parametrize("model", ["resnet50.a1_in1k", "mobilenetv3_small_100.lamb_in1k"])
def test_the_default_tap_is_the_last_feature_map(model, helpers, pair):
    resolver = resolver_for(model, helpers)
    loss = build(TimmParams(model=model), resolver)
    features = timm.create_model(model, features_only=True, pretrained=False).eval()
    state = resolver.state_dict(f"timm-{model}")
    features.load_state_dict({key: state[key] for key in features.state_dict()})
    config = timm.get_pretrained_cfg(model)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (config.mean, config.std))
    with torch.no_grad():
        sr, hr = (features((images - mean) / std)[-1] for images in pair)
        torch.testing.assert_close(loss(*pair), F.mse_loss(sr, hr), rtol=1e-5, atol=0)


def test_finite_gradient_and_taps_by_module_path(helpers, pair):
    model = "convnext_atto.d2_in1k"
    params = TimmParams(model=model, taps={"stages.1": 1.0, "stages.3": 0.5}, distance="l1")
    loss = build(params, resolver_for(model, helpers))
    sr = pair[0].clone().requires_grad_()
    loss(sr, pair[1]).backward()
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().sum() > 0


def test_resolving_names_the_model_and_its_weights():
    params = TimmParams(model="resnet50.dino", task="self-supervised")
    spec = SPEC.resolve(params)
    (file,) = spec.weights
    assert (spec.task, spec.backbone) == ("self-supervised", "resnet50")
    assert file.id == "timm-resnet50.dino"
    assert set(spec.known_failures) == {"weights-declared"}  # nothing pins the hub's files
    assert file.sources == (
        HubSource(repo="timm/resnet50.dino", filename="model.safetensors", revision="main"),
    )
    assert spec.name == SPEC.name


def test_a_model_that_a_metric_uses_is_flagged():
    spec = SPEC.resolve(TimmParams(model="vgg16.tv_in1k"))
    assert spec.shares_network_with == ("dists", "lpips-vgg")


@pytest.mark.parametrize("model", ["resnet50", "timm/resnet50.a1_in1k", "hf-hub:x/y", "../x.y", ""])
def test_a_model_without_its_tag_is_refused(model):
    with pytest.raises(ValidationError, match="with its pretrained tag"):
        TimmParams(model=model)


@pytest.mark.parametrize("model", ["resnet51.a1_in1k", "resnet50.a1_in1kk"])
def test_an_unknown_model_names_its_neighbours(model, helpers):
    with pytest.raises(UnknownName, match=r"did you mean .*resnet50\.a"):
        build(TimmParams(model=model), helpers.Resolver({}))


def test_an_unknown_tap_names_its_neighbours(helpers):
    model = "resnet18.a1_in1k"
    with pytest.raises(UnknownName, match=r"'layer5'; did you mean .*'layer4'"):
        build(TimmParams(model=model, tap="layer5"), resolver_for(model, helpers))


def test_missing_weights_are_refused(helpers):
    with pytest.raises(WeightsError, match=r"timm-resnet50\.a1_in1k"):
        build(TimmParams(), helpers.Resolver({}))


def test_building_leaves_the_random_state_alone(helpers):
    model = "resnet18.a1_in1k"
    resolver = resolver_for(model, helpers)
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    build(TimmParams(model=model), resolver)
    assert torch.equal(torch.random.get_rng_state(), state)
