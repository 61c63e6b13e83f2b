"""Tap names as data, against the order of torchvision's modules."""

from __future__ import annotations

import doctest

import pytest
import torch
import torchvision
from torch import nn

from srbench.contract import taps
from srbench.contract.taps import VGG16_CONVS, VGG19_CONVS, vgg_layer_kinds, vgg_tap_paths
from srbench.errors import UserError

KINDS = {nn.Conv2d: "conv", nn.BatchNorm2d: "bn", nn.ReLU: "relu", nn.MaxPool2d: "pool"}


@pytest.mark.parametrize(
    ("architecture", "convs", "batch_norm"),
    [
        ("vgg16", VGG16_CONVS, False),
        ("vgg16_bn", VGG16_CONVS, True),
        ("vgg19", VGG19_CONVS, False),
    ],
)
def test_layer_kinds_are_those_of_torchvision(architecture, convs, batch_norm):
    with torch.device("meta"):
        features = torchvision.models.get_model(architecture, weights=None).features
    expected = tuple(KINDS[type(layer)] for layer in features)
    assert vgg_layer_kinds(convs, batch_norm=batch_norm) == expected


def test_vgg_names_that_papers_and_other_code_agree_on():
    vgg16 = vgg_tap_paths(vgg_layer_kinds(VGG16_CONVS))
    vgg19 = vgg_tap_paths(vgg_layer_kinds(VGG19_CONVS))
    # Johnson et al. (relu2_2 = index 8 of VGG16), ESRGAN (conv5_4 = index 34 of VGG19).
    assert vgg16["relu2_2"] == "features.8"
    assert vgg16["conv5_3"] == "features.28"
    assert vgg16["pool5"] == "features.30"
    assert vgg19["conv5_4"] == "features.34"
    assert vgg19["relu5_4"] == "features.35"
    assert len(set(vgg19.values())) == len(vgg19) == 37


def test_batch_norm_networks_tell_convolution_from_batch_norm():
    names = vgg_tap_paths(vgg_layer_kinds(VGG16_CONVS, batch_norm=True))
    assert [names[f"{kind}1_1"] for kind in ("conv", "bn", "relu")] == [
        "features.0",
        "features.1",
        "features.2",
    ]


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": -1.0}, {"a": float("nan")}])
def test_unusable_tap_weights_are_refused(weights):
    with pytest.raises(UserError, match="expected"):
        taps.check_tap_weights(weights)


def test_examples_in_the_documentation():
    assert doctest.testmod(taps).failed == 0
    assert doctest.testmod(taps).attempted > 0
