"""docs/losses.md lists the losses of this repository as they are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "tabulate_losses.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("tabulate_losses", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(script):
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.fill(page, script.tables(script.shipped())) == page


def test_there_are_at_least_45_and_each_says_what_a_reader_needs(script):
    specs = script.shipped()
    assert len(specs) >= 45
    for name, spec in specs.items():
        assert spec.task, name
        assert spec.backbone, name
        assert "commercial" in spec.license.lower(), name
        if spec.weights:
            assert spec.pretrained_on, name
        # Of timm's own models the size is the model's page's to say.
        if spec.name not in ("timm", "timm-vit", "smp-encoder"):
            assert all(file.size for file in spec.weights), name


def test_resnet50_lines_up_under_five_tasks(script):
    tasks = {s.task for s in script.shipped().values() if s.backbone == "resnet50"}
    assert {
        *("classification", "segmentation", "instance-segmentation", "detection"),
        "self-supervised",
    } <= tasks


def test_both_parents_are_losses(script):
    specs = script.shipped()
    assert specs["vgg16-caffe"].backbone == specs["hed-vgg16"].backbone == "vgg16"
    assert specs["vgg16-bn"].backbone == specs["craft-vgg16-bn"].backbone == "vgg16_bn"
