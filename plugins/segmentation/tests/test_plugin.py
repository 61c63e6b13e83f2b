"""What the plugin declares, and that declaring it costs nothing."""

from __future__ import annotations

import doctest
import pickle

import pytest
from srbench_segmentation import plugin, smp_data

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}


def test_the_names_are_those_of_the_documentation():
    assert list(SPECS) == [
        *("fcn-resnet50", "fcn-resnet101", "deeplabv3-resnet50", "deeplabv3-resnet101"),
        *("deeplabv3-mobilenet-v3-large", "lraspp-mobilenet-v3-large"),
        *("segformer", "upernet", "dpt", "smp-encoder", "hed-vgg16"),
    ]


@pytest.mark.parametrize("name", SPECS)
def test_specs_pickle(name):
    spec = SPECS[name]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert pickle.loads(pickle.dumps(spec.params())) == spec.params()


@pytest.mark.parametrize("name", SPECS)
def test_specs_say_what_a_reader_needs(name):
    spec = SPECS[name]
    assert "commercial" in spec.license
    assert spec.paper.startswith("https://")
    assert spec.pretrained_on
    tasks = {"hed-vgg16": "edges", "smp-encoder": "classification"}
    assert spec.task == tasks.get(name, "segmentation")
    assert all(file.license and file.sources and file.size for file in spec.weights)


@pytest.mark.parametrize("name", ["segformer", "upernet", "dpt"])
def test_resolving_chooses_the_variant(name):
    spec = SPECS[name]
    assert spec.resolve(spec.params()) == spec
    for variant, checkpoint in spec.params.checkpoints.items():
        resolved = spec.resolve(spec.params(variant=variant))
        assert (resolved.name, resolved.backbone) == (name, checkpoint.backbone)
        assert resolved.weights == (checkpoint.file,)


def test_hed_has_seen_a_test_set():
    assert SPECS["hed-vgg16"].saw_test_images == ("bsd100",)


def test_ids_of_weights_are_distinct():
    files = [file for spec in SPECS.values() for file in spec.weights]
    for table in (smp_data.SEGFORMER, smp_data.UPERNET, smp_data.DPT):
        files += [checkpoint.file for checkpoint in table.values()]
    by_id = {}
    for file in files:
        assert by_id.setdefault(file.id, file) == file


def test_examples_in_the_documentation():
    result = doctest.testmod(smp_data)
    assert result.attempted > 0
    assert result.failed == 0
