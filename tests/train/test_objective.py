"""The terms against torch's own losses and the formulas as they are published."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from srbench.train.objective import discriminator_loss, generator_adversarial_loss, pixel_loss

LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=8)


@given(LOGITS, LOGITS)
def test_non_saturating_is_cross_entropy_on_logits(real: list[float], fake: list[float]) -> None:
    hr, sr = torch.tensor(real), torch.tensor(fake)
    bce = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(
        generator_adversarial_loss(sr, "non-saturating"), bce(sr, torch.ones_like(sr))
    )
    torch.testing.assert_close(
        discriminator_loss(hr, sr, "non-saturating"),
        bce(hr, torch.ones_like(hr)) + bce(sr, torch.zeros_like(sr)),
    )


@given(LOGITS, LOGITS)
def test_one_minus_d_is_the_common_codes_formula(real: list[float], fake: list[float]) -> None:
    def sigmoid_mean(values: list[float]) -> float:
        return sum(1 / (1 + math.exp(-v)) for v in values) / len(values)

    hr, sr = torch.tensor(real), torch.tensor(fake)
    assert generator_adversarial_loss(sr, "one-minus-d").item() == pytest.approx(
        1 - sigmoid_mean(fake), abs=1e-5
    )
    assert discriminator_loss(hr, sr, "one-minus-d").item() == pytest.approx(
        1 - sigmoid_mean(real) + sigmoid_mean(fake), abs=1e-5
    )


@pytest.mark.parametrize("kind", ["non-saturating", "one-minus-d"])
def test_confident_discriminators_stay_finite(kind: str) -> None:
    logits = torch.tensor([1e4, -1e4], requires_grad=True)
    value = generator_adversarial_loss(logits, kind) + discriminator_loss(logits, logits, kind)  # type: ignore[arg-type]
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]


def test_non_saturating_keeps_a_gradient_where_the_other_loses_it() -> None:
    """The reason for the form: a discriminator that is sure still teaches."""
    logits = torch.tensor([-20.0], requires_grad=True)
    (strong,) = torch.autograd.grad(generator_adversarial_loss(logits, "non-saturating"), logits)
    (weak,) = torch.autograd.grad(generator_adversarial_loss(logits, "one-minus-d"), logits)
    assert strong.item() == pytest.approx(-1)
    assert abs(weak.item()) < 1e-6


def test_bf16_logits_are_reduced_in_float32() -> None:
    logits = torch.zeros(3, dtype=torch.bfloat16)
    assert generator_adversarial_loss(logits, "non-saturating").dtype == torch.float32
    assert discriminator_loss(logits, logits, "one-minus-d").dtype == torch.float32


def test_pixel_losses() -> None:
    sr, hr = torch.tensor([0.0, 0.5]), torch.tensor([1.0, 0.0])
    assert pixel_loss(sr, hr, "l1").item() == pytest.approx(0.75)
    assert pixel_loss(sr, hr, "l2").item() == pytest.approx(0.625)
