"""The table against torch's own losses and the formulas as they are published."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from srbench.errors import UnknownName
from srbench.train.adversarial_losses import ADVERSARIAL_LOSSES, adversarial_loss

LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=8)


def values(kind: str, real: list[float], fake: list[float]) -> tuple[float, float]:
    """What generator and discriminator minimise."""
    loss, logits = adversarial_loss(kind), (torch.tensor(real), torch.tensor(fake))
    return loss.generator(*logits).item(), loss.discriminator(*logits).item()


def mean(items: list[float]) -> float:
    return math.fsum(items) / len(items)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def minus_log_sigmoid(x: float) -> float:
    return max(-x, 0.0) + math.log1p(math.exp(-abs(x)))


@given(LOGITS, LOGITS)
def test_non_saturating_is_cross_entropy_on_logits(real: list[float], fake: list[float]) -> None:
    hr, sr = torch.tensor(real), torch.tensor(fake)
    bce = F.binary_cross_entropy_with_logits
    generator, discriminator = values("non-saturating", real, fake)
    assert generator == pytest.approx(bce(sr, torch.ones_like(sr)).item(), abs=1e-6, rel=1e-6)
    expected = bce(hr, torch.ones_like(hr)) + bce(sr, torch.zeros_like(sr))
    assert discriminator == pytest.approx(expected.item(), abs=1e-6, rel=1e-6)


@given(LOGITS, LOGITS)
def test_one_minus_d_is_the_common_codes_formula(real: list[float], fake: list[float]) -> None:
    on_real, on_fake = (mean([sigmoid(v) for v in logits]) for logits in (real, fake))
    expected = (1 - on_fake, 1 - on_real + on_fake)
    assert values("one-minus-d", real, fake) == pytest.approx(expected, abs=1e-5)


@given(LOGITS, LOGITS)
def test_relativistic_average_is_esrgans_equations(real: list[float], fake: list[float]) -> None:
    """D(x_r, x_f) = sigmoid(C(x_r) - E[C(x_f)]); L_D and L_G as equations 1 and 2."""
    r, f = [v - mean(fake) for v in real], [v - mean(real) for v in fake]
    l_d = mean([minus_log_sigmoid(v) for v in r]) + mean([minus_log_sigmoid(-v) for v in f])
    l_g = mean([minus_log_sigmoid(-v) for v in r]) + mean([minus_log_sigmoid(v) for v in f])
    assert values("relativistic-average", real, fake) == pytest.approx((l_g, l_d), abs=2e-5)


@given(LOGITS, LOGITS)
def test_hinge_is_its_papers_formula(real: list[float], fake: list[float]) -> None:
    expected = mean([max(0.0, 1 - v) for v in real]) + mean([max(0.0, 1 + v) for v in fake])
    assert values("hinge", real, fake) == pytest.approx((-mean(fake), expected), abs=2e-5)


@given(LOGITS, LOGITS)
def test_least_squares_is_lsgans_formula(real: list[float], fake: list[float]) -> None:
    l_d = mean([(v - 1) ** 2 for v in real]) / 2 + mean([v**2 for v in fake]) / 2
    l_g = mean([(v - 1) ** 2 for v in fake]) / 2
    assert values("least-squares", real, fake) == pytest.approx((l_g, l_d), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", ["non-saturating", "relativistic-average"])
def test_chance_is_two_log_two(kind: str) -> None:
    assert values(kind, [0.0, 0.0], [0.0, 0.0])[1] == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_only_relativistic_generators_look_at_real(kind: str) -> None:
    fake = [0.3, -0.7]
    differ = values(kind, [1.0, 2.0], fake)[0] != values(kind, [0.0, -4.0], fake)[0]
    assert differ == adversarial_loss(kind).relativistic


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_the_players_pull_the_logits_of_sr_apart(kind: str) -> None:
    loss, real = adversarial_loss(kind), torch.tensor([0.2, -0.1])
    fake = torch.tensor([0.4, 0.3], requires_grad=True)
    (up,) = torch.autograd.grad(loss.generator(real, fake), fake)
    (down,) = torch.autograd.grad(loss.discriminator(real, fake), fake)
    assert up.sum() < 0
    assert down.sum() > 0


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_confident_discriminators_stay_finite(kind: str) -> None:
    loss = adversarial_loss(kind)
    logits = torch.tensor([1e4, -1e4], requires_grad=True)
    value = loss.generator(logits.detach(), logits) + loss.discriminator(logits, logits)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]


def test_non_saturating_keeps_a_gradient_where_the_other_loses_it() -> None:
    """The reason for the form: a discriminator that is sure still teaches."""
    fake, real = torch.tensor([-20.0], requires_grad=True), torch.zeros(1)
    strong, weak = (
        torch.autograd.grad(adversarial_loss(kind).generator(real, fake), fake)[0].item()
        for kind in ("non-saturating", "one-minus-d")
    )
    assert strong == pytest.approx(-1)
    assert abs(weak) < 1e-6


def test_unknown_names_are_told_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'hinge'"):
        adversarial_loss("hinges")


def test_the_table_needs_no_torch() -> None:
    code = "import sys, srbench.train.adversarial_losses; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
