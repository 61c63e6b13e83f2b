"""Does example keep srbench's contract, and does it compute what it says?"""

from __future__ import annotations

import pytest
import torch
from srbench_example.loss import ExampleLoss

from srbench.checks import parametrize_checks


@parametrize_checks("example")
def test_contract(check):
    check()


def test_an_edge_costs_its_height():
    flat = torch.zeros(1, 3, 4, 4)
    edge = flat.clone()
    edge[..., 2:] = 0.5  # one of the three differences across is 0.5, and half of the pixels
    value = ExampleLoss(pixel_weight=0.1)(edge, flat)
    assert float(value) == pytest.approx(0.5 / 3 + 0.1 * 0.25)


def test_brightness_counts_through_the_pixels_only():
    grey, bright = torch.full((1, 3, 8, 8), 0.25), torch.full((1, 3, 8, 8), 0.75)
    assert float(ExampleLoss(pixel_weight=0.0)(bright, grey)) == 0
    assert float(ExampleLoss(pixel_weight=1.0)(bright, grey)) == pytest.approx(0.5)
