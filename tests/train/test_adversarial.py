"""The adversarial step: same bits as the field's two-forward form, no hidden synchronisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.errors import ContractError, NonFiniteLoss, UserError
from srbench.train import AdversarialSettings, CheckpointFolder, RuntimeSettings, run_adversarial
from srbench.train.adversarial import AdversarialStep
from srbench.train.adversarial_losses import ADVERSARIAL_LOSSES
from srbench.train.runtime import Placement, session

SETTINGS = AdversarialSettings(
    iterations=3, learning_rate=1e-3, content_weight=0.7, pixel_weight=0.3, adversarial_weight=0.05
)


def placement(device: str = "cpu", **settings: Any) -> Placement:
    settings.setdefault("channels_last", False)  # the plain step's layout: the same bits
    return Placement(device=torch.device(device), settings=RuntimeSettings(**settings))


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


class Wrong(nn.Module):
    def __init__(self, how: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.how = how

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return self.how(sr)


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


@pytest.mark.parametrize("name", ["srresnet", "msrresnet"])
def test_step_runs_without_reading_a_value(
    name: str, make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    """On ``meta`` there are no values, so ``.item()``, ``.cpu()`` and ``bool()`` raise."""
    from srbench.train.monitor import Monitor

    g, d = make_networks(name)
    where = placement("meta", fused_adam=False)  # torch has no fused Adam for meta
    step = AdversarialStep(g, d, make_content(), SETTINGS, where)
    monitor = Monitor(step.terms, where.device)
    sampler = make_sampler(patch_size=64)
    for iteration in range(2):
        lr, hr = (where.images(x) for x in sampler.next())
        monitor.add(iteration, step(lr, hr, iteration))


def test_the_meta_test_can_fail(make_networks: Any, make_sampler: Any) -> None:
    def reads(sr: Tensor) -> Tensor:
        return sr.mean() if sr.sum() > 0 else sr.mean() * 2

    g, d = make_networks()
    where = placement("meta", fused_adam=False)
    step = AdversarialStep(g, d, Wrong(reads), SETTINGS, where)
    with pytest.raises(RuntimeError, match="meta"):
        step(*(where.images(x) for x in make_sampler().next()), 0)


@pytest.fixture
def fake_tensors() -> Iterator[None]:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        yield


@pytest.mark.usefixtures("fake_tensors")
@pytest.mark.parametrize("name", ["srresnet", "msrresnet"])
def test_forward_places_everything_on_cuda(name: str, make_networks: Any) -> None:
    """Fake CUDA tensors: a constant left on the CPU raises (backward needs a real driver)."""
    from torch._subclasses.fake_tensor import DataDependentOutputException

    from srbench.train.monitor import Monitor
    from srbench.train.objective import pixel_loss

    with torch.device("cuda"):  # Module.to can not move fake parameters
        g, d = make_networks(name)
    where = placement("cuda", channels_last=True)
    lr = where.images(torch.rand(2, 3, 16, 16, device="cuda"))
    hr = where.images(torch.rand(2, 3, 64, 64, device="cuda"))
    sr = g(lr)
    for loss in ADVERSARIAL_LOSSES.values():
        values = torch.stack(
            [
                pixel_loss(sr, hr, "l1"),
                loss.generator(d(hr).detach(), d(sr)),
                loss.discriminator(d(hr), d(sr)),
            ]
        )
        assert values.device.type == "cuda"
        monitor = Monitor(("a", "b", "c"), where.device)
        monitor.add(0, values)
    with pytest.raises(DataDependentOutputException):
        monitor.check()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_step_on_cuda_never_synchronises(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    g, d = make_networks()
    runtime = RuntimeSettings(device="cuda", precision="bf16", channels_last=True)
    with session(runtime, seed=0) as where:
        step = AdversarialStep(g, d, make_content(), SETTINGS, where)
        lr, hr = (where.images(x) for x in make_sampler(patch_size=64).next())
        step(lr, hr, 0)  # cuDNN's autotuner waits in the first one
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for iteration in range(1, 4):
                step(lr, hr, iteration)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_bf16_keeps_values_and_gradients_in_float32(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    g, d = make_networks()
    inputs: list[torch.dtype] = []

    class Spy(nn.Module):
        def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
            inputs.append(sr.dtype)
            assert not torch.is_autocast_enabled("cpu")
            return (sr - hr).abs().mean()

    widths: list[torch.dtype] = []
    d.features[0].register_forward_hook(lambda _m, _i, out: widths.append(out.dtype))  # type: ignore[union-attr]
    step = AdversarialStep(g, d, Spy(), SETTINGS, placement(precision="bf16"))
    values = step(*make_sampler().next(), 0)
    assert inputs == [torch.float32]
    assert widths == [torch.bfloat16] * 2
    assert values.dtype == torch.float32
    assert torch.isfinite(values).all()
    assert all(p.grad.dtype == torch.float32 for p in g.parameters())


def test_loss_precision_autocasts_the_loss_alone(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    g, d = make_networks()
    content = make_content()
    dtypes: list[torch.dtype] = []
    content.conv.register_forward_hook(lambda _m, _i, out: dtypes.append(out.dtype))
    step = AdversarialStep(g, d, content, SETTINGS, placement(loss_precision="bf16"))
    values = step(*make_sampler().next(), 0)
    assert dtypes == [torch.bfloat16] * 2
    assert values.dtype == torch.float32


def test_channels_last_changes_layout_not_results(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    lr, hr = make_sampler().next()
    results = []
    for channels_last in (False, True):
        g, d = make_networks()
        where = placement(channels_last=channels_last)
        step = AdversarialStep(g, d, make_content(), SETTINGS, where)
        results.append(step(where.images(lr), where.images(hr), 0))
        weight = next(p for p in g.parameters() if p.ndim == 4)
        assert weight.is_contiguous(memory_format=torch.channels_last) == channels_last
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_compiled_step_agrees(
    make_networks: Any,
    make_sampler: Any,
    make_content: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also that a compiled discriminator's graph may be walked twice."""
    # What another instruction set compiled, real or imitated, is found by the same key: NaN.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    sampler = make_sampler(patch_size=32)
    batches = [sampler.next() for _ in range(2)]
    results = []
    for compiled in (False, True):
        g, d = make_networks("msrresnet")
        runtime = RuntimeSettings(device="cpu", compile=compiled, threads=1)
        with session(runtime, seed=0) as where:
            step = AdversarialStep(g, d, make_content(), SETTINGS, where)
            results.append([step(*batch, i) for i, batch in enumerate(batches)])
            assert not any(key.startswith("_orig_mod") for key in step.state_dict()["generator"])
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-5)
