"""Speed must never change a result: loss curves under the speed settings against the plain step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from srbench.train import AdversarialSettings, CheckpointFolder, Hooks, RuntimeSettings
from srbench.train.adversarial import run_adversarial

SETTINGS = AdversarialSettings(
    iterations=20, learning_rate=1e-4, pixel_weight=0.3, adversarial_weight=0.05, log_every=1
)
FAST = RuntimeSettings(device="cpu", threads=1, channels_last=True)
ALL_FAST = FAST.but(precision="bf16", loss_precision="bf16")


def plain_curve(
    g: nn.Module, d: nn.Module, content: nn.Module, sampler: Any, iterations: int
) -> list[float]:
    """Content values of the field's step: three discriminator forwards, unfused Adam."""
    s = SETTINGS
    g.train(), d.train()
    g_adam = torch.optim.Adam(g.parameters(), lr=s.learning_rate)
    d_adam = torch.optim.Adam(d.parameters(), lr=s.learning_rate)
    curve = []
    for _ in range(iterations):
        lr, hr = sampler.next()
        g_adam.zero_grad()
        sr = g(lr)
        value = s.content_factor * content(sr, hr)
        total = value + s.pixel_weight * F.l1_loss(sr, hr)
        total = total + s.adversarial_weight * F.softplus(-d(sr)).mean()
        total.backward()
        g_adam.step()
        d_adam.zero_grad()
        d_total = F.softplus(-d(hr)).mean() + F.softplus(d(sr.detach())).mean()
        d_total.backward()  # type: ignore[no-untyped-call]
        d_adam.step()
        curve.append(float(value.detach()))
    return curve


def our_curve(
    g: nn.Module,
    d: nn.Module,
    content: nn.Module,
    sampler: Any,
    runtime: RuntimeSettings,
    folder: Path,
    iterations: int = 20,
) -> list[float]:
    settings = SETTINGS.but(iterations=iterations)
    points = []
    run_adversarial(
        g,
        d,
        content,
        sampler,
        settings,
        runtime,
        seed=0,
        checkpoints=CheckpointFolder(folder),
        hooks=Hooks(on_log=lambda _i, values: points.append(values["content"])),
    )
    return points


@pytest.mark.parametrize("name", ["srresnet", "msrresnet"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_float32_follows_the_plain_step(
    name: str,
    channels_last: bool,
    make_networks: Any,
    make_sampler: Any,
    make_content: Any,
    tmp_path: Path,
) -> None:
    shape = {"batch_size": 4, "patch_size": 32}
    g, d = make_networks(name)
    plain = plain_curve(g, d, make_content(), make_sampler(**shape), 20)
    g, d = make_networks(name)
    runtime = FAST.but(channels_last=channels_last)
    ours = our_curve(g, d, make_content(), make_sampler(**shape), runtime, tmp_path / "c")
    assert ours == pytest.approx(plain, rel=1e-4)
    assert len({round(value, 6) for value in plain}) == 20  # there was something to follow


@pytest.mark.slow
def test_all_speed_settings_stay_within_the_spread_of_seeds(
    make_networks: Any, make_sampler: Any, make_content: Any, tmp_path: Path
) -> None:
    """300 iterations in bf16 differ less from float32 than seeds differ from each other."""

    def smoothed(seed: int, runtime: RuntimeSettings) -> torch.Tensor:
        sampler = make_sampler(seed=seed, batch_size=4, patch_size=32)
        folder = tmp_path / f"{seed}-{runtime.precision}"
        g, d = make_networks("msrresnet", seed)
        curve = our_curve(g, d, make_content(), sampler, runtime, folder, iterations=300)
        return torch.tensor(curve).unfold(0, 25, 25).mean(dim=1)

    exact = torch.stack([smoothed(seed, FAST) for seed in (1, 2, 3)])
    fast = torch.stack([smoothed(seed, ALL_FAST) for seed in (1, 2, 3)])
    between_seeds = (exact - exact.mean(dim=0)).pow(2).mean().sqrt()
    by_speed = (fast - exact).pow(2).mean().sqrt()
    assert 0 < by_speed < between_seeds
