"""The adversarial step: same bits as the field's two-forward form, and errors that say whose."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from stepping import SETTINGS, Wrong, placement
from torch import Tensor, nn

from srbench.errors import ContractError, NonFiniteLoss, UserError
from srbench.train import AdversarialSettings, CheckpointFolder, RuntimeSettings, run_adversarial
from srbench.train.adversarial import AdversarialStep
from srbench.train.adversarial_losses import ADVERSARIAL_LOSSES


class PlainStep:
    """The step as the field writes it (BasicSR's SRGANModel): three discriminator forwards."""

    def __init__(self, g: nn.Module, d: nn.Module, content: nn.Module, s: AdversarialSettings):
        self.g, self.d, self.content, self.s = g.train(), d.train(), content, s
        self.og = torch.optim.Adam(g.parameters(), lr=s.learning_rate, fused=True)
        self.od = torch.optim.Adam(d.parameters(), lr=s.learning_rate, fused=True)

    def generator_loss(self, sr: Tensor, hr: Tensor) -> Tensor:
        logits = self.d(sr)
        if self.s.adversarial_loss == "non-saturating":
            return F.softplus(-logits).mean()
        if self.s.adversarial_loss == "one-minus-d":
            return (1 - torch.sigmoid(logits)).mean()
        if self.s.adversarial_loss == "hinge":
            return -logits.mean()
        if self.s.adversarial_loss == "least-squares":
            return 0.5 * F.mse_loss(logits, torch.ones_like(logits))
        real = self.d(hr).detach()
        return binary(real - logits.mean(), 0) + binary(logits - real.mean(), 1)

    def discriminator_loss(self, sr: Tensor, hr: Tensor) -> Tensor:
        real, fake = self.d(hr), self.d(sr.detach())
        if self.s.adversarial_loss == "hinge":
            return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        if self.s.adversarial_loss == "least-squares":
            one, none = torch.ones_like(real), torch.zeros_like(fake)
            return 0.5 * (F.mse_loss(real, one) + F.mse_loss(fake, none))
        return binary(real - fake.mean(), 1) + binary(fake - real.mean(), 0)

    def discriminator_losses(self, logits: Tensor, *, real: bool) -> Tensor:
        if self.s.adversarial_loss == "non-saturating":
            return F.softplus(-logits if real else logits).mean()
        mean = torch.sigmoid(logits).mean()
        return 1 - mean if real else mean

    def __call__(self, lr: Tensor, hr: Tensor) -> None:
        s = self.s
        self.d.requires_grad_(False)
        self.og.zero_grad()
        sr = self.g(lr)
        total = s.content_factor * self.content(sr, hr)
        total = total + s.pixel_weight * F.l1_loss(sr, hr)
        total = total + s.adversarial_weight * self.generator_loss(sr, hr)
        total.backward()
        self.og.step()
        self.d.requires_grad_(True)
        self.od.zero_grad()
        if self.s.adversarial_loss in ("non-saturating", "one-minus-d"):
            self.discriminator_losses(self.d(hr), real=True).backward()
            self.discriminator_losses(self.d(sr.detach()), real=False).backward()
        else:
            self.discriminator_loss(sr, hr).backward()
        self.od.step()


def binary(logits: Tensor, target: int) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


@pytest.mark.parametrize("name", ["srresnet", "msrresnet"])
@pytest.mark.parametrize("kind", ["non-saturating", "one-minus-d"])
def test_shared_forward_has_the_bits_of_the_two_forward_form(
    name: str, kind: Any, make_networks: Any, make_sampler: Any, make_content: Any
) -> None:

    settings = SETTINGS.but(adversarial_loss=kind)
    g1, d1 = make_networks(name)
    g2, d2 = make_networks(name)
    mine = AdversarialStep(g1, d1, make_content(), settings, placement())
    plain = PlainStep(g2, d2, make_content(), settings)
    sampler = make_sampler(batch_size=3, patch_size=32)
    for iteration in range(3):
        lr, hr = sampler.next()
        mine(lr, hr, iteration)
        plain(lr, hr)
        for (key, p), q in zip(g1.named_parameters(), g2.parameters(), strict=True):
            assert torch.equal(p.grad, q.grad), (iteration, key)
            assert torch.equal(p, q), (iteration, key)
        for (key, p), q in zip(d1.named_parameters(), d2.parameters(), strict=True):
            assert torch.equal(p.grad, q.grad), (iteration, key)
            assert torch.equal(p, q), (iteration, key)
    for key, value in g1.state_dict().items():
        assert torch.equal(value, g2.state_dict()[key]), key


@pytest.mark.parametrize("kind", ["relativistic-average", "hinge", "least-squares"])
def test_other_losses_train_as_the_field_writes_them(
    kind: str, make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    """Relativistic as in BasicSR's ESRGANModel: HR forward, detached, before the generator."""
    settings = SETTINGS.but(adversarial_loss=kind)
    g1, d1 = make_networks("msrresnet")
    g2, d2 = make_networks("msrresnet")
    mine = AdversarialStep(g1, d1, make_content(), settings, placement())
    plain = PlainStep(g2, d2, make_content(), settings)
    lr, hr = make_sampler(batch_size=3, patch_size=32).next()
    mine(lr, hr, 0)
    plain(lr, hr)
    for mine_net, plain_net in ((g1, g2), (d1, d2)):
        pairs = [
            (p.grad, q.grad)
            for p, q in zip(mine_net.parameters(), plain_net.parameters(), strict=True)
        ]
        # Against the network's largest gradient: a bias before BatchNorm has noise alone.
        scale = max(float(expected.abs().max()) for _, expected in pairs)
        for got, expected in pairs:
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_two_discriminator_forwards_a_step(
    kind: str, make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    g, d = make_networks()
    seen: list[tuple[int, ...]] = []
    d.register_forward_hook(lambda _m, inputs, _o: seen.append(tuple(inputs[0].shape)))
    settings = SETTINGS.but(adversarial_loss=kind)
    step = AdversarialStep(g, d, make_content(), settings, placement())
    step(*make_sampler(batch_size=2).next(), 0)
    assert seen == [(2, 3, 16, 16)] * 2  # SR and HR, never in one batch: BatchNorm sees them apart


def test_values_are_the_weighted_terms(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    g, d = make_networks()
    step = AdversarialStep(g, d, make_content(), SETTINGS, placement())
    lr, hr = make_sampler().next()
    sr = g(lr).detach().requires_grad_()
    content = SETTINGS.content_factor * make_content()(sr, hr)
    (gradient,) = torch.autograd.grad(content, sr)
    adversarial = SETTINGS.adversarial_weight * F.softplus(-d(sr)).mean()
    values = dict(zip(step.terms, step(lr, hr, 0).tolist(), strict=True))
    assert values["content"] == pytest.approx(content.item(), rel=1e-6)
    assert values["content_gradient"] == pytest.approx(gradient.norm().item(), rel=1e-5)
    assert values["pixel"] == pytest.approx(0.3 * F.l1_loss(sr, hr).item(), rel=1e-6)
    assert values["adversarial"] == pytest.approx(adversarial.item(), rel=1e-5)
    assert values["sr"] == pytest.approx(sr.norm().item(), rel=1e-5)
    summary = step.summary(values, 0)
    assert summary["objective"] == pytest.approx(
        values["content"] + values["pixel"] + values["adversarial"]
    )
    assert summary["content_to_adversarial"] == pytest.approx(
        values["content_gradient"] / values["adversarial_gradient"]
    )


@pytest.mark.parametrize(
    ("change", "terms"),
    [
        ({"adversarial_weight": 0.0}, {"sr", "content", "pixel"}),
        ({"content_weight": 0.0}, {"sr", "pixel", "adversarial", "discriminator"}),
        ({"pixel_weight": 0.0}, {"sr", "content", "adversarial", "discriminator"}),
    ],
)
def test_terms_of_weight_zero_are_not_computed(
    change: dict[str, float],
    terms: set[str],
    make_networks: Any,
    make_sampler: Any,
    make_content: Any,
) -> None:

    g, d = make_networks()
    step = AdversarialStep(g, d, make_content(), SETTINGS.but(**change), placement())
    before = [p.clone() for p in d.parameters()]
    values = step(*make_sampler().next(), 0)
    assert {t for t in step.terms if not t.endswith("_gradient")} == terms
    assert values.shape == (len(step.terms),)
    moved = any(not torch.equal(p, q) for p, q in zip(d.parameters(), before, strict=True))
    assert moved == ("discriminator" in terms)
    assert step.summary(dict(zip(step.terms, values.tolist(), strict=True)), 0)["objective"] > 0


def test_no_term_at_all_is_refused(make_networks: Any) -> None:
    g, d = make_networks()
    settings = AdversarialSettings(iterations=1, adversarial_weight=0.0)
    with pytest.raises(UserError, match="at least one term"):
        AdversarialStep(g, d, None, settings, placement())


def test_frozen_loss_network_gets_no_gradient(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    g, d = make_networks()
    content = make_content().requires_grad_(True)  # even one that its author forgot to freeze
    AdversarialStep(g, d, content, SETTINGS, placement())(*make_sampler().next(), 0)
    assert all(p.grad is None for p in content.parameters())


class Scripted(nn.Module):
    """A content loss that breaks in a chosen way at a chosen call."""

    def __init__(self, breaks: Callable[[Tensor], Tensor], at: int) -> None:
        super().__init__()
        self.breaks, self.at, self.calls = breaks, at, 0

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        self.calls += 1
        value = (sr - hr).abs().mean()
        return self.breaks(value) if self.calls == self.at + 1 else value


@pytest.mark.parametrize(
    ("breaks", "term"),
    [
        (lambda v: v * math.nan, "content"),
        (lambda v: v + math.inf, "content"),
        (lambda v: v + torch.sqrt(v - v.detach()), "content_gradient"),  # finite, slope infinite
    ],
)
def test_non_finite_terms_stop_the_run(
    breaks: Callable[[Tensor], Tensor],
    term: str,
    make_networks: Any,
    make_sampler: Any,
    cpu: RuntimeSettings,
    tmp_path: Any,
) -> None:
    g, d = make_networks()
    settings = AdversarialSettings(iterations=9, log_every=4)
    folder = CheckpointFolder(tmp_path, every_iterations=1)
    with pytest.raises(NonFiniteLoss) as caught:
        run_adversarial(
            g, d, Scripted(breaks, 2), make_sampler(), settings, cpu, seed=0, checkpoints=folder
        )
    assert (caught.value.term, caught.value.iteration) == (term, 2)
    checkpoint, _ = folder.load()
    assert checkpoint is not None
    assert checkpoint.iteration == 2  # the last one from before


def test_a_broken_generator_is_not_blamed_on_the_loss(
    make_networks: Any, make_sampler: Any, make_content: Any, cpu: RuntimeSettings, tmp_path: Any
) -> None:
    g, d = make_networks()
    with torch.no_grad():
        next(g.parameters()).fill_(math.nan)
    with pytest.raises(NonFiniteLoss) as caught:
        run_adversarial(
            g,
            d,
            make_content(),
            make_sampler(),
            SETTINGS,
            cpu,
            seed=0,
            checkpoints=CheckpointFolder(tmp_path),
        )
    assert (caught.value.term, caught.value.iteration) == ("sr", 0)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda sr: sr.mean((1, 2, 3)), "returns a scalar"),
        (lambda sr: sr.detach().mean(), "gradient with respect to SR"),
    ],
)
def test_contract_breaches_of_the_loss(
    how: Callable[[Tensor], Tensor], message: str, make_networks: Any, make_sampler: Any
) -> None:
    g, d = make_networks()
    step = AdversarialStep(g, d, Wrong(how), SETTINGS, placement())
    with pytest.raises(ContractError, match=message):
        step(*make_sampler().next(), 0)
