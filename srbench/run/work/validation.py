"""Scores of a generator on the held-out training images, while it trains."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import nn

from srbench.data import crop_to_multiple
from srbench.host import discover
from srbench.imaging import Image, degrade, to_tensor, to_uint8
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import Scorer

PROTOCOL = "y4-v2"
"""Of validation scores, whatever the suite's protocol for the test sets: they choose, not rank."""


class Images(Protocol):
    """Named images: a data set, or images that are ready to be trained on."""

    @property
    def names(self) -> tuple[str, ...]:
        """Unique names."""

    def __len__(self) -> int: ...

    def load(self, index: int) -> Image:
        """Uint8 RGB ``(H, W, 3)``."""


class Validator:
    """Scores a generator on a validation set by the suite's validation metrics.

    The metrics are built at the first call: a stage that never validates does not pay for them.

    Args:
        images: the held-out images.
        metrics: names of registered metrics.
        scale: super-resolution factor.
        device: where to run.
    """

    def __init__(
        self, images: Images, *, metrics: tuple[str, ...], scale: int, device: str
    ) -> None:
        self._images = images
        self._names = metrics
        self._scale = scale
        self._device = device
        self._scorer: Scorer | None = None

    @torch.no_grad()
    def __call__(self, generator: nn.Module) -> dict[str, float]:
        """Mean score per metric of a generator in eval mode; none where no metric is named."""
        if not self._names:
            return {}
        scores = self._ready().score([self._pair(generator, i) for i in range(len(self._images))])
        return {name: math.fsum(values.values()) / len(values) for name, values in scores.items()}

    def _pair(self, generator: nn.Module, index: int) -> ImagePair:
        hr = crop_to_multiple(self._images.load(index), self._scale)
        lr = degrade(to_tensor(hr).to(self._device), self._scale)
        sr = to_uint8(generator(lr).float())
        return ImagePair(name=self._images.names[index], sr=sr, hr=hr)

    def _ready(self) -> Scorer:
        if self._scorer is None:
            registry = discover()
            specs = [registry.metric(name).spec for name in self._names]
            self._scorer = Scorer(specs, protocol=PROTOCOL, scale=self._scale, device=self._device)
        return self._scorer
