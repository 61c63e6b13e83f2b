"""Where the adversarial step runs: devices, precisions, layouts; no hidden synchronisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stepping import SETTINGS, Wrong, placement
from torch import Tensor, nn

from srbench.train import RuntimeSettings
from srbench.train.adversarial import AdversarialStep
from srbench.train.runtime import session


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
    make_networks: Any, make_sampler: Any, make_content: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Generator and loss, traced as for every backend; no kernels are written, which takes minutes.

    The discriminator stays as it is.
    """
    sampler = make_sampler(patch_size=32)
    batches = [sampler.next() for _ in range(2)]
    results, compiled_modules, compile_ = [], [], torch.compile

    def traced(module: nn.Module, **options: Any) -> Any:
        compiled_modules.append(type(module).__name__)
        return compile_(module, backend="aot_eager", **options)

    monkeypatch.setattr(torch, "compile", traced)
    for compiled in (False, True):
        g, d = make_networks("msrresnet")
        runtime = RuntimeSettings(device="cpu", compile=compiled, threads=1)
        with session(runtime, seed=0) as where:
            step = AdversarialStep(g, d, make_content(), SETTINGS, where)
            results.append([step(*batch, i) for i, batch in enumerate(batches)])
            assert not any(key.startswith("_orig_mod") for key in step.state_dict()["generator"])
    assert compiled_modules == ["MSRResNet", "TinyContent"]
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-5)
