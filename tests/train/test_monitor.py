"""Non-finite terms are named with their iteration, however late they are looked for."""

from __future__ import annotations

import math

import pytest
import torch

from srbench.errors import NonFiniteLoss
from srbench.train.monitor import Monitor

CPU = torch.device("cpu")


def test_means_over_windows() -> None:
    monitor = Monitor(("a", "b"), CPU)
    monitor.add(0, torch.tensor([1.0, 10.0]))
    monitor.add(1, torch.tensor([3.0, 30.0]))
    monitor.check()
    assert monitor.means() == {"a": 2.0, "b": 20.0}
    monitor.add(2, torch.tensor([5.0, 6.0]))
    assert monitor.means() == {"a": 5.0, "b": 6.0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_first_bad_term_is_named_late(bad: float) -> None:
    monitor = Monitor(("a", "b", "c"), CPU)
    for iteration in range(10):
        values = torch.ones(3)
        if iteration >= 4:
            values[1] = bad
        if iteration >= 6:
            values[:] = math.nan
        monitor.add(iteration, values)
    with pytest.raises(NonFiniteLoss) as caught:
        monitor.check()
    assert (caught.value.term, caught.value.iteration) == ("b", 4)
    assert repr(caught.value.value) == repr(bad)


def test_of_one_iteration_the_first_computed_is_the_cause() -> None:
    monitor = Monitor(("a", "b", "c"), CPU)
    monitor.add(2_000_000, torch.tensor([1.0, math.inf, math.nan]))
    with pytest.raises(NonFiniteLoss) as caught:
        monitor.check()
    assert (caught.value.term, caught.value.iteration) == ("b", 2_000_000)


def test_open_window_survives_a_checkpoint() -> None:
    one, two = Monitor(("a",), CPU), Monitor(("a",), CPU)
    one.add(0, torch.tensor([1.0]))
    two.load_state_dict(one.state_dict())
    for monitor in (one, two):
        monitor.add(1, torch.tensor([4.0]))
    assert one.means() == two.means() == {"a": 2.5}


def test_adding_never_waits_for_the_device() -> None:
    device = torch.device("meta")  # has no values: whatever reads one raises
    monitor = Monitor(("a", "b"), device)
    monitor.add(0, torch.ones(2, device=device))
    with pytest.raises((NotImplementedError, RuntimeError)):
        monitor.check()
