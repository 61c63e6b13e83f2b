"""The step in tests: its settings, where it runs, a loss that does as told, states compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from srbench.train import AdversarialSettings, RuntimeSettings
from srbench.train.runtime import Placement

SETTINGS = AdversarialSettings(
    iterations=3, learning_rate=1e-3, content_weight=0.7, pixel_weight=0.3, adversarial_weight=0.05
)


def placement(device: str = "cpu", **settings: Any) -> Placement:
    settings.setdefault("channels_last", False)  # the plain step's layout: the same bits
    return Placement(device=torch.device(device), settings=RuntimeSettings(**settings))


class Wrong(nn.Module):
    def __init__(self, how: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.how = how

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return self.how(sr)


def assert_same(a: Any, b: Any, where: str = "state") -> None:
    """Two checkpoints' states, to the last bit; times aside."""
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            if key not in ("seconds", "iterations_per_second"):
                assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{index}]")
    else:
        assert a == b, where
