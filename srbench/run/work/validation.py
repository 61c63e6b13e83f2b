"""Scores of a generator on the held-out training images, while it trains."""

from __future__ import annotations

import copy
import math
from typing import Protocol

import torch
from torch import nn

from srbench.arithmetic import arithmetic
from srbench.data import crop_to_multiple
from srbench.host import discover
from srbench.imaging import Image, degrade, to_tensor
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import Scorer
from srbench.models.images import upscale_tensor
from srbench.models.resolve import ResolvedGenerator
from srbench.run.exec.attempts import Fit

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
        generator: what is scored is one of these.
        device: where images are made.
        fit: in parts of which size; the CPU makes them whole. Whether the device has room for the
            metrics as well.
    """

    def __init__(
        self,
        images: Images,
        *,
        metrics: tuple[str, ...],
        generator: ResolvedGenerator,
        device: str,
        fit: Fit,
    ) -> None:
        self._images = images
        self._names = metrics
        self._generator = generator
        self._scale = generator.scale
        self._device = device
        self._tile = None if device == "cpu" else fit.tile
        self._metrics_device = "cpu" if fit.metrics_on_cpu else device
        self._scorer: Scorer | None = None

    def on(self, images: Images) -> Validator:
        """One for other images, which shares the metrics with this one."""
        self._ready()
        other = copy.copy(self)
        other._images = images
        return other

    @torch.no_grad()
    def __call__(self, generator: nn.Module) -> dict[str, float]:
        """Mean score per metric of a generator in eval mode; none where no metric is named."""
        if not self._names:
            return {}
        with arithmetic():  # nothing is gained by timing kernels for every size of image
            pairs = [self._pair(generator, i) for i in range(len(self._images))]
        scores = self._ready().score(pairs)
        return {name: math.fsum(values.values()) / len(values) for name, values in scores.items()}

    def _pair(self, generator: nn.Module, index: int) -> ImagePair:
        hr = crop_to_multiple(self._images.load(index), self._scale)
        lr = degrade(to_tensor(hr).to(self._device), self._scale)
        sr = upscale_tensor(generator, lr, self._generator, tile=self._tile, device=self._device)
        return ImagePair(name=self._images.names[index], sr=sr, hr=hr)

    def _ready(self) -> Scorer:
        if self._scorer is None:
            registry = discover()
            specs = [registry.metric(name).spec for name in self._names]
            self._scorer = Scorer(
                specs, protocol=PROTOCOL, scale=self._scale, device=self._metrics_device
            )
        return self._scorer
