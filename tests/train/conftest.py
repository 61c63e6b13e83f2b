"""A tiny in-memory sampler, models and a content loss with every feature that matters here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from srbench.models.discriminator import build_discriminator
from srbench.models.plugin import builtin_generator
from srbench.train import RuntimeSettings

CPU = RuntimeSettings(device="cpu", threads=1)


@dataclass
class TinySampler:
    """Batch ``k`` of a seed, like ``srbench.data.PatchSampler`` but without files."""

    seed: int = 0
    batch_size: int = 2
    patch_size: int = 16
    wait_fraction: float = 0.0
    position: int = 0
    drawn: list[int] = field(default_factory=list)

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        rng = torch.Generator().manual_seed(1000 * self.seed + index)
        small = self.patch_size // 4
        lr = torch.rand(self.batch_size, 3, small, small, generator=rng)
        hr = nn.functional.interpolate(lr, scale_factor=4, mode="nearest")
        return lr, (hr + 0.1 * torch.rand(hr.shape, generator=rng)).clamp(0, 1)

    def next(self) -> tuple[Tensor, Tensor]:
        self.drawn.append(self.position)
        self.position += 1
        return self.batch(self.position - 1)

    def fixed_batches(self, count: int, seed: int) -> list[tuple[Tensor, Tensor]]:
        return [TinySampler(seed, self.batch_size, self.patch_size).batch(i) for i in range(count)]

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position = state["position"]


class TinyContent(nn.Module):
    """A frozen random convolution, L1 between features; draws noise to exercise the RNG state."""

    def __init__(self, *, noise: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        rng = torch.Generator().manual_seed(5)
        with torch.no_grad():
            self.conv.weight.copy_(torch.randn(4, 3, 3, 3, generator=rng))
            self.conv.bias.zero_()  # type: ignore[union-attr]
        self.requires_grad_(False)
        self.noise = noise

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.conv(hr)
            if self.noise:
                target = target + self.noise * torch.randn_like(target)
        return (torch.relu(self.conv(sr)) - torch.relu(target)).abs().mean()


def networks(name: str = "srresnet", seed: int = 1) -> tuple[nn.Module, nn.Module]:
    return (
        builtin_generator(name, {"blocks": 1, "channels": 4}, 4).build(seed=seed),
        build_discriminator(4, seed=seed),
    )


@pytest.fixture
def make_sampler() -> Callable[..., TinySampler]:
    return TinySampler


@pytest.fixture
def make_content() -> Callable[..., TinyContent]:
    return TinyContent


@pytest.fixture
def make_networks() -> Callable[..., tuple[nn.Module, nn.Module]]:
    return networks


@pytest.fixture
def cpu() -> RuntimeSettings:
    return CPU
