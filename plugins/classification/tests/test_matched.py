"""ResNet-50 and the Caffe VGG16: parents of other tasks' networks."""

from __future__ import annotations

import re

import pytest
import torch
import torchvision
from srbench_classification.plugin import srbench_losses
from torch import nn
from torch.nn import functional as F

from srbench.contract import BuildContext

SPECS = {spec.name: spec for spec in srbench_losses()}


def build(name, resolver, **params):
    spec = SPECS[name]
    return spec.build(BuildContext(weights=resolver), spec.params(**params))


@pytest.mark.parametrize("tag", ["IMAGENET1K_V1", "IMAGENET1K_V2"])
def test_resnet50_equals_torchvision(tag, helpers, pair):
    official = torchvision.models.ResNet50_Weights[tag]
    spec = SPECS["resnet50"]
    (file,) = spec.resolve(spec.params(weights=tag)).weights
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
    vgg16 = SPECS["vgg16"]
    params = vgg16.params(weights="IMAGENET1K_FEATURES", tap="conv5_3")
    same = vgg16.build(BuildContext(weights=resolver), params)
    assert torch.equal(ours(*pair), same(*pair))
    official = torchvision.models.VGG16_Weights.IMAGENET1K_FEATURES.transforms()
    normalize = torchvision.transforms.Normalize(official.mean, official.std)
    torch.testing.assert_close(ours.normalize(pair[0]), normalize(pair[0]))
