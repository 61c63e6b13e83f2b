"""ResNet-50 and the Caffe VGG16: parents of other tasks' networks."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys

import pytest
import torch
import torchvision
from srbench_classification import matched
from srbench_classification.layouts import LAYOUTS
from srbench_classification.networks import NETWORKS
from srbench_classification.plugin import srbench_losses
from torch import nn
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.errors import WeightsError

SPECS = {spec.name: spec for spec in matched.srbench_losses()}


def build(name, resolver, **params):
    spec = SPECS[name]
    return spec.build(BuildContext(weights=resolver), spec.params(**params))


def test_importing_the_plugin_needs_no_torch():
    code = (
        "import sys, srbench_classification.matched as p\n"
        "[s.params().known_taps() for s in p.srbench_losses()]\n"
        "[s.resolve(s.params()) for s in p.srbench_losses() if s.resolve]\n"
        "heavy = {'torch', 'torchvision', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", SPECS)
def test_specs_pickle_and_names_are_new(name):
    spec = SPECS[name]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert name not in {other.name for other in srbench_losses()}
    assert spec.task == "classification"


@pytest.mark.parametrize("tag", ["IMAGENET1K_V1", "IMAGENET1K_V2"])
def test_resnet50_equals_torchvision(tag, helpers, pair):
    official = torchvision.models.ResNet50_Weights[tag]
    params = matched.ResNet50Params(weights=tag)
    (file,) = matched.resolve_resnet50(params).weights
    assert file.sources[0].url == official.url
    assert file.sha256_prefix == re.search(r"-([0-9a-f]{8})\.pth$", official.url)[1]
    assert file.size == pytest.approx(official.meta["_file_size"] * 2**20, abs=1024)
    state = helpers.official_state_dict("resnet50")
    model = torchvision.models.resnet50(weights=None).eval()
    model.load_state_dict(state)
    trunk = nn.Sequential(*list(model.children())[:-2])
    normalize = torchvision.transforms.Normalize(
        official.transforms().mean, official.transforms().std
    )
    loss = build("resnet50", helpers.Resolver({file.id: state}), weights=tag)
    with torch.no_grad():
        expected = F.mse_loss(*(trunk(normalize(images)) for images in pair))
        torch.testing.assert_close(loss(*pair), expected, rtol=1e-5, atol=0)


def test_caffes_vgg16_is_vgg16_with_the_authors_weights_and_range(helpers, pair):
    state = helpers.official_state_dict("vgg16")
    resolver = helpers.Resolver({"vgg16-imagenet-features": state})
    ours = build("vgg16-caffe", resolver, tap="conv5_3")
    vgg16 = {spec.name: spec for spec in srbench_losses()}["vgg16"]
    params = vgg16.params(weights="IMAGENET1K_FEATURES", tap="conv5_3")
    same = vgg16.build(BuildContext(weights=resolver), params)
    assert torch.equal(ours(*pair), same(*pair))
    official = torchvision.models.VGG16_Weights.IMAGENET1K_FEATURES.transforms()
    normalize = torchvision.transforms.Normalize(official.mean, official.std)
    torch.testing.assert_close(ours.normalize(pair[0]), normalize(pair[0]))
    with pytest.raises(ValueError, match="IMAGENET1K_FEATURES"):
        SPECS["vgg16-caffe"].params(weights="IMAGENET1K_V1")


@pytest.mark.parametrize("name", SPECS)
def test_missing_weights_are_refused(name, helpers):
    with pytest.raises(WeightsError, match=SPECS[name].weights[0].id):
        build(name, helpers.Resolver({}))


@pytest.mark.parametrize("weight_id", LAYOUTS)
def test_layouts_fit_the_losses(weight_id, helpers):
    with torch.device("meta"):
        network = LAYOUTS[weight_id]()
    resolver = helpers.Resolver({weight_id: helpers.seeded(network)})
    for spec in (*srbench_losses(), *SPECS.values()):
        if [file.id for file in spec.weights] == [weight_id]:
            assert spec.build(BuildContext(weights=resolver), spec.params()) is not None
    assert weight_id in {
        *(file.id for spec in SPECS.values() for file in spec.weights),
        matched.RESNET50_V2.id,
        *(p.file.id for network in NETWORKS.values() for p in network.pretrained.values()),
    }
