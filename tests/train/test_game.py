"""The health of the game against closed forms, and that measuring it changes nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from srbench.train.adversarial_losses import adversarial_loss
from srbench.train.game import discriminator_health, gradient_health


class Gain(nn.Module):
    """``gain * x``, enlarged four times: one parameter, so that gradients are known by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, lr: Tensor) -> Tensor:
        return self.gain * lr.repeat_interleave(4, -1).repeat_interleave(4, -2)


class MeanLogit(nn.Module):
    """The patch's mean minus one half: bright patches are HR."""

    def forward(self, image: Tensor) -> Tensor:
        return image.mean((1, 2, 3)) - 0.5


def loss(hr: Tensor, sr: Tensor) -> Tensor:
    return adversarial_loss("non-saturating").discriminator(hr, sr)


def flat(*values: float) -> tuple[Tensor, Tensor]:
    lr = torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone()
    return lr, 1 - lr.repeat_interleave(4, -1).repeat_interleave(4, -2)


def test_accuracies_and_loss_are_those_of_the_logits() -> None:
    found = discriminator_health(
        Gain(), MeanLogit(), [flat(0.1, 0.2, 0.7), flat(0.4, 0.9, 0.3)], loss
    )
    assert found["accuracy_sr"] == pytest.approx(4 / 6)  # logits below 0: 0.1, 0.2, 0.4, 0.3
    assert found["accuracy_hr"] == pytest.approx(4 / 6)  # HR is 1 - LR
    logits = torch.tensor([0.1, 0.2, 0.7, 0.4, 0.9, 0.3]) - 0.5
    expected = 2 * torch.log1p(torch.exp(logits)).mean()
    assert found["discriminator"] == pytest.approx(float(expected), rel=1e-6)


def test_pairs_do_not_depend_on_the_discriminators_bias() -> None:
    lr, _ = flat(0.1, 0.6)
    hr = torch.tensor([0.5, 0.7]).reshape(2, 1, 1, 1).expand(2, 3, 8, 8)
    for bias in (0.0, 5.0):
        discriminator = MeanLogit()
        discriminator.register_forward_hook(lambda _m, _i, logits, b=bias: logits + b)
        found = discriminator_health(Gain(), discriminator, [(lr, hr)], loss)
        assert found["accuracy_pairs"] == 0.75  # 0.5 > 0.1 but not 0.6; 0.7 > both


def test_gradients_and_signal_in_closed_form() -> None:
    # d mean(sr) / d gain is the batch's mean: 0.2 and 0.6. RMS: sqrt((0.04 + 0.36) / 2).
    batches = [flat(0.2), flat(0.6)]
    found = gradient_health(
        Gain(), MeanLogit(), batches,
        content=lambda sr, hr: sr.mean(), adversarial=lambda sr, hr: 0.5 * sr.mean(),
    )  # fmt: skip
    assert found["content_gradient"] == pytest.approx(math.sqrt(0.2))
    assert found["content_to_adversarial"] == pytest.approx(2.0)
    # |mean|^2 without bias: the product of the two independent gradients.
    assert found["content_signal"] == pytest.approx(0.2 * 0.6 / 0.2)


def test_pure_noise_has_no_signal_and_a_constant_gradient_nothing_else() -> None:
    def constant(sr: Tensor, hr: Tensor) -> Tensor:
        return (sr / sr.detach()).mean()

    steady = gradient_health(
        Gain(), MeanLogit(), [flat(0.2), flat(0.6), flat(0.9)], content=constant, adversarial=None
    )
    assert steady["content_signal"] == pytest.approx(1.0)
    signs = iter([1.0, -1.0] * 50)
    noise = gradient_health(
        Gain(), MeanLogit(), [flat(0.5)] * 100,
        content=lambda sr, hr: next(signs) * sr.mean(), adversarial=None,
    )  # fmt: skip
    assert noise["content_signal"] == pytest.approx(-1 / 99)


def test_measuring_leaves_networks_as_they_were(make_networks: Any, make_sampler: Any) -> None:
    generator, discriminator = make_networks("srresnet")  # both with BatchNorm
    before = [{k: v.clone() for k, v in n.state_dict().items()} for n in (generator, discriminator)]
    batches = make_sampler(batch_size=3, patch_size=32).fixed_batches(2, 0)
    discriminator_health(generator, discriminator, batches, loss)
    gradient_health(
        generator, discriminator, batches,
        content=lambda sr, hr: (sr - hr).abs().mean(),
        adversarial=lambda sr, hr: -discriminator(sr).mean(),
    )  # fmt: skip
    for network, state in zip((generator, discriminator), before, strict=True):
        assert network.training
        assert all(p.grad is None for p in network.parameters())
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, state[name]), name
