"""Pixel losses against closed forms."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from srbench.controls import pixel
from srbench.errors import UserError


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(2)
    return torch.rand(2, 2, 3, 9, 8, generator=generator).unbind(0)


FORMULAS = {
    "l1": (pixel.l1(), lambda d: np.abs(d).mean()),
    "l2": (pixel.l2(), lambda d: (d**2).mean()),
    "charbonnier": (
        pixel.PixelLoss(pixel.Charbonnier(0.05)),
        lambda d: np.sqrt(d**2 + 0.0025).mean(),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_value_and_gradient(pair, name):
    loss, formula = FORMULAS[name]
    sr, hr = pair
    sr, hr = sr.requires_grad_(), hr.requires_grad_()
    value = loss(sr, hr)
    value.backward()
    difference = (sr - hr).detach().double().numpy()
    assert value.item() == pytest.approx(formula(difference), rel=1e-6)
    assert value.shape == ()
    assert torch.isfinite(sr.grad).all()
    assert torch.equal(sr.grad.sign(), (sr - hr).detach().sign())
    assert hr.grad is None


@pytest.mark.parametrize("name", FORMULAS)
def test_bfloat16_images_give_a_float32_value(pair, name):
    loss, _ = FORMULAS[name]
    assert loss(pair[0].bfloat16(), pair[1]).dtype == torch.float32


@pytest.mark.parametrize("name", FORMULAS)
def test_they_pickle_and_copy(pair, name):
    loss, _ = FORMULAS[name]
    for other in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert torch.equal(other(*pair), loss(*pair))


def test_equal_images():
    images = torch.rand(1, 3, 4, 4, requires_grad=True)
    assert pixel.l1()(images, images.detach()).item() == 0
    assert pixel.l2()(images, images.detach()).item() == 0
    value = pixel.PixelLoss(pixel.Charbonnier(1e-3))(images, images.detach())
    value.backward()
    assert value.item() == pytest.approx(1e-3)
    assert torch.equal(images.grad, torch.zeros_like(images))


def test_wrong_input_is_refused(pair):
    with pytest.raises(UserError, match="one shape"):
        pixel.l1()(pair[0], pair[1][:1])
    with pytest.raises(UserError, match="positive epsilon"):
        pixel.Charbonnier(0.0)
