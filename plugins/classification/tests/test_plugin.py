"""What the plugin declares, and that declaring it costs nothing."""

from __future__ import annotations

import doctest
import pickle

import pytest
from srbench_classification import plugin, weights

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}


def test_the_names_are_those_of_the_documentation():
    assert list(SPECS) == [
        *("vgg16", "vgg16-bn", "resnet152", "densenet201", "resnext101-32x8d"),
        *(
            "wide-resnet101-2",
            "inception-v3",
            "vgg19",
            "vgg19-realesrgan",
            "alexnet",
            "mobilenet-v2",
        ),
        *("efficientnet-lite0", "resnet50", "vgg16-caffe", "timm"),
    ]


@pytest.mark.parametrize("name", SPECS)
def test_specs_pickle(name):
    spec = SPECS[name]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert pickle.loads(pickle.dumps(spec.params())) == spec.params()


@pytest.mark.parametrize("name", SPECS)
def test_specs_say_what_a_reader_needs(name):
    spec = SPECS[name]
    assert spec.task == "classification"
    assert "commercial" in spec.license or name == "timm"
    assert spec.paper.startswith("https://")
    assert spec.params().distance == ("l1" if name == "vgg19-realesrgan" else "l2")
    assert all(file.license for file in spec.weights)


def test_networks_that_metrics_use_are_flagged():
    flagged = {name: spec.shares_network_with for name, spec in SPECS.items()}
    assert flagged.pop("vgg16") == flagged.pop("vgg16-caffe") == ("dists", "lpips-vgg")
    assert flagged.pop("alexnet") == ("lpips",)
    assert set(flagged.values()) == {()}


def test_weight_files_are_distinct_and_pinned():
    files = {file.id: file for spec in SPECS.values() for file in spec.weights}
    assert len(files) == 13
    for file in files.values():
        assert file.sources
        assert file.file_sha256 or file.sha256_prefix or file.tensors_sha256


def test_examples_in_the_documentation():
    result = doctest.testmod(weights)
    assert result.attempted > 0
    assert result.failed == 0
