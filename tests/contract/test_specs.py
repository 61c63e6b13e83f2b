"""LossSpec and MetricSpec refuse what the host could not use."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

import srbench.contract
from srbench.contract import API_VERSION, LossSpec, MetricSpec
from srbench.contract.hookspecs import PROJECT
from srbench.errors import ContractError


def build(ctx, params):
    raise NotImplementedError


def loss(**changes):
    fields = {
        "name": "my-loss",
        "version": 1,
        "summary": "a loss",
        "task": "none",
        "backbone": "none",
        "build": build,
        "license": "MIT",
    }
    return LossSpec(**{**fields, **changes})


def metric(**changes):
    fields = {
        "name": "my-metric",
        "version": 1,
        "lower_is_better": True,
        "reference": "full",
        "build": build,
        "license": "MIT",
    }
    return MetricSpec(**{**fields, **changes})


@pytest.mark.parametrize("name", ["vgg16", "resnext101-32x8d", "a.b", "vgg16_bn"])
def test_usual_names_are_accepted(name):
    assert loss(name=name).name == name


@pytest.mark.parametrize("name", ["VGG16", "", "a b", "-a", "a-", "a--b", "a:b", None, 3])
def test_other_names_are_not(name):
    with pytest.raises(ContractError, match="kebab-case loss name"):
        loss(name=name)
    with pytest.raises(ContractError, match="kebab-case metric name"):
        metric(name=name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "sorting"}, "expected a task out of classification"),
        ({"version": 0}, "version of 1 or more"),
        ({"version": True}, "version of 1 or more"),
        ({"version": "1"}, "version of 1 or more"),
        ({"build": None}, r"function build\(ctx, params\)"),
    ],
)
def test_unusable_fields_are_named(changes, message):
    with pytest.raises(ContractError, match=message):
        loss(**changes)


def test_a_metric_needs_a_known_reference():
    with pytest.raises(ContractError, match="'full' or 'none'"):
        metric(reference="partial")


def test_specs_are_frozen_and_pickle():
    spec = loss()
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "other"
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert pickle.loads(pickle.dumps(metric())) == metric()


def test_the_least_a_plugin_needs_is_what_the_design_says():
    required = {
        field.name
        for field in dataclasses.fields(LossSpec)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    assert required == {"name", "version", "summary", "task", "backbone", "build", "license"}
    assert (PROJECT, API_VERSION, loss().api_version) == ("srbench", 1, 1)


def test_all_public_names_exist():
    assert all(hasattr(srbench.contract, name) for name in srbench.contract.__all__)
