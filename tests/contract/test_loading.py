"""load_weights: everything in its place, or an error that says what is not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from srbench.contract.features import load_weights
from srbench.errors import WeightsError


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.fixture
def state():
    torch.manual_seed(0)
    state = network().state_dict()
    nn.init.normal_(state["1.running_mean"])
    return dict(state)


def test_a_network_without_memory_gets_every_tensor(state):
    with torch.device("meta"):
        target = network()
    load_weights(target, state, weight_id="w")
    assert all(torch.equal(target.state_dict()[name], value) for name, value in state.items())
    assert all(not tensor.is_meta for tensor in target.state_dict().values())


def test_old_files_have_no_batch_count(state):
    del state["1.num_batches_tracked"]
    with torch.device("meta"):
        target = network()
    load_weights(target, state, weight_id="w")
    assert not target[1].num_batches_tracked.is_meta


def test_half_precision_files_become_float32(state):
    half = {name: v.half() if v.is_floating_point() else v for name, v in state.items()}
    target = network()
    load_weights(target, half, weight_id="w")
    assert {p.dtype for p in target.parameters()} == {torch.float32}
    assert torch.equal(target[0].weight, state["0.weight"].half().float())


def test_what_is_ignored_by_rule_may_be_there(state):
    load_weights(network(), state | {"aux.weight": torch.ones(1)}, weight_id="w", ignore=["aux."])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.weight"), r"'my-weights' to fit Sequential.*missing: 0\.weight"),
        (lambda s: s.update({"2.weight": torch.ones(1)}), r"not in the network: 2\.weight"),
        (
            lambda s: s.update({"0.weight": torch.ones(4, 3, 1, 1)}),
            r"0\.weight is \(4, 3, 1, 1\), expected \(4, 3, 3, 3\)",
        ),
    ],
)
def test_anything_else_is_an_error(state, change, message):
    change(state)
    with pytest.raises(WeightsError, match=message):
        load_weights(network(), state, weight_id="my-weights")
