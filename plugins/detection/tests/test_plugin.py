"""What the plugin declares, and that declaring it costs nothing."""

from __future__ import annotations

import pickle
import re

import pytest
from srbench_detection import plugin

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}


def test_the_names_are_those_of_the_documentation():
    assert list(SPECS) == [
        *("fasterrcnn-resnet50", "fasterrcnn-resnet50-v2"),
        *("fasterrcnn-mobilenet-v3-large", "fasterrcnn-mobilenet-v3-large-320"),
        *("maskrcnn-resnet50", "maskrcnn-resnet50-v2", "keypointrcnn-resnet50"),
        *("retinanet-resnet50", "retinanet-resnet50-v2", "fcos-resnet50"),
        *("ssd300-vgg16", "ssdlite320-mobilenet-v3-large", "craft-vgg16-bn", "csrnet-vgg16"),
    ]


@pytest.mark.parametrize("name", SPECS)
def test_specs_pickle(name):
    spec = SPECS[name]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert pickle.loads(pickle.dumps(spec.params())) == spec.params()


@pytest.mark.parametrize("name", SPECS)
def test_specs_say_what_a_reader_needs(name):
    spec = SPECS[name]
    expected = "instance-segmentation" if name.startswith("maskrcnn") else "detection"
    expected = "density" if name == "csrnet-vgg16" else expected
    assert spec.task == expected
    assert "commercial" in spec.license
    assert spec.paper.startswith("https://")
    assert spec.params().tap in spec.params.known_taps()
    assert all(file.license and file.sources and file.size for file in spec.weights)


def test_resnet50_is_there_under_two_tasks():
    tasks = {spec.task for spec in SPECS.values() if spec.backbone == "resnet50"}
    assert tasks == {"detection", "instance-segmentation"}


@pytest.mark.parametrize(
    ("name", "tap", "near"),
    [
        ("fasterrcnn-resnet50", "layer5", "layer4"),
        ("fasterrcnn-resnet50", "p6", "p5"),
        ("retinanet-resnet50", "p2", "p7"),
        ("ssd300-vgg16", "conv5_4", "conv5_3"),
        ("craft-vgg16-bn", "conv5_3", "conv5_2"),
        ("ssdlite320-mobilenet-v3-large", "features.2", "features.1"),
    ],
)
def test_unknown_taps_are_refused_at_once(name, tap, near):
    with pytest.raises(ValueError, match=f"got '{re.escape(tap)}'; did you mean .*{near}"):
        SPECS[name].params(tap=tap)
