"""Gradient norms against a closed form; the generator is left as it was."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from srbench.errors import ContractError, UserError
from srbench.train import RuntimeSettings, calibration_constant, gradient_cosine, gradient_norm

CPU = RuntimeSettings(device="cpu")


class Gain(nn.Module):
    """``sr = a * lr + b``."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.5))
        self.b = nn.Parameter(torch.tensor(0.25))
        self.frozen = nn.Parameter(torch.tensor(1.0), requires_grad=False)

    def forward(self, lr: Tensor) -> Tensor:
        return self.a * lr + self.b


class Mean(nn.Module):
    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return self.factor * sr.mean()


def test_closed_form() -> None:
    """d mean(a lr + b) / d(a, b) = (mean(lr), 1); the RMS over batches of its norm."""
    batches = [(torch.full((1, 3, 4, 4), x), torch.zeros(1, 3, 4, 4)) for x in (0.0, 0.5, 1.0)]
    expected = math.sqrt(sum(x**2 + 1 for x in (0.0, 0.5, 1.0)) / 3)
    generator = Gain()
    assert gradient_norm(generator, Mean(), batches, CPU) == pytest.approx(expected, rel=1e-6)
    assert generator.a.grad is None


def test_agrees_with_plain_autograd(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    generator, _ = make_networks("srresnet")
    batches = make_sampler().fixed_batches(3, seed=9)
    squares = []
    generator.eval()
    for lr, hr in batches:
        generator.zero_grad()
        make_content()(generator(lr), hr).backward()
        flat = torch.cat([p.grad.flatten().double() for p in generator.parameters()])
        squares.append(flat.square().sum().item())
    generator.zero_grad()
    expected = math.sqrt(sum(squares) / len(squares))
    assert gradient_norm(generator, make_content(), batches, CPU) == pytest.approx(
        expected, rel=1e-6
    )


def test_generator_is_untouched(make_networks: Any, make_sampler: Any, make_content: Any) -> None:
    generator, _ = make_networks("srresnet")
    generator.train()
    generator.blocks.eval()  # a mode of its own, which must come back
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    modes = [m.training for m in generator.modules()]
    content, batches = make_content(noise=0.1), make_sampler().fixed_batches(2, 0)
    state = torch.get_rng_state()
    gradient_norm(generator, content, batches, CPU)
    gradient_cosine(generator, content, batches, CPU)
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
    assert [m.training for m in generator.modules()] == modes
    assert all(p.grad is None for p in generator.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_precision_settings_do_not_change_it(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    generator, _ = make_networks("srresnet")
    batches = make_sampler().fixed_batches(2, 0)
    fast = RuntimeSettings(
        device="cpu", precision="bf16", loss_precision="bf16", compile=True, tf32=True
    )
    assert gradient_norm(generator, make_content(), batches, fast) == gradient_norm(
        generator, make_content(), batches, CPU
    )


def test_constant_brings_a_loss_to_the_reference() -> None:
    batches = [(torch.rand(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)) for _ in range(4)]
    generator = Gain()
    reference, own = (gradient_norm(generator, Mean(f), batches, CPU) for f in (2.0, 0.003))
    constant = calibration_constant(reference, own)
    assert constant == pytest.approx(2.0 / 0.003, rel=1e-5)
    calibrated = gradient_norm(generator, Mean(0.003 * constant), batches, CPU)
    assert calibrated == pytest.approx(reference, rel=1e-5)


@pytest.mark.parametrize("factor", [0.0, math.nan, math.inf])
def test_useless_gradients_are_refused(factor: float) -> None:
    batch = (torch.rand(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
    with pytest.raises(ContractError, match="positive, finite gradient norm"):
        gradient_norm(Gain(), Mean(factor), [batch], CPU)


def test_loss_without_gradient_is_refused() -> None:
    class Detached(nn.Module):
        def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
            return sr.detach().mean()

    batch = (torch.rand(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
    with pytest.raises(ContractError, match="gradient with respect to SR"):
        gradient_norm(Gain(), Detached(), [batch], CPU)


def test_no_batches() -> None:
    with pytest.raises(UserError, match="at least one"):
        gradient_norm(Gain(), Mean(), [], CPU)


@pytest.mark.parametrize("norms", [(0.0, 1.0), (1.0, 0.0), (math.inf, 1.0), (1.0, math.nan)])
def test_constant_refuses_useless_norms(norms: tuple[float, float]) -> None:
    with pytest.raises(UserError, match="positive, finite"):
        calibration_constant(*norms)


def test_cosine_of_a_rounding_loss_is_below_one(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    generator, _ = make_networks("msrresnet")
    batches = make_sampler().fixed_batches(2, 0)
    cosine = gradient_cosine(generator, make_content(), batches, CPU)
    assert 0.5 < cosine < 1 - 1e-7
    exact = gradient_cosine(generator, Mean(), batches, CPU)  # nothing there for autocast to round
    assert exact == pytest.approx(1.0, abs=1e-12)
