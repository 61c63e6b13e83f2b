"""The stateless schedule against torch's MultiStepLR."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srbench.train.schedule import learning_rate, set_learning_rate


@given(
    st.lists(st.integers(1, 30), unique=True, max_size=4).map(sorted),
    st.sampled_from([0.1, 0.5, 1.0]),
)
def test_equals_multistep(milestones: list[int], gamma: float) -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    reference = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones, gamma)
    for iteration in range(32):
        mine = learning_rate(iteration, initial=3e-4, milestones=milestones, gamma=gamma)
        assert mine == pytest.approx(reference.get_last_lr()[0], rel=1e-12)
        optimiser.step()
        reference.step()


def test_set_learning_rate() -> None:
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    set_learning_rate(optimiser, 0.25)
    assert [g["lr"] for g in optimiser.param_groups] == [0.25]
    rate = optimiser.param_groups[0]["lr"] = torch.tensor(1.0)
    set_learning_rate(optimiser, 0.125)
    assert optimiser.param_groups[0]["lr"] is rate
    assert float(rate) == 0.125
