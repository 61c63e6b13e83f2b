"""Shift-tolerant LPIPS: LPIPS on networks that learnt from people's judgements alone.

Source: Ghildyal, Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022, arXiv 2207.13686.
No stride and no pooling drops positions before they are blurred: the strided convolution and the
max-poolings run at stride 1, and a fixed low-pass filter, after reflection padding of two pixels,
takes every second position. Trunks and heads are trained from scratch on BAPPS: no ImageNet.

Written from that description and the names and shapes of the weights; the filter is in the file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract.features import load_weights
from srbench.contract.taps import VGG16_CONVS
from srbench_iqa.lpips import Lpips

Backbone = Literal["alexnet", "vgg16"]

_TAPS: Mapping[Backbone, tuple[int, ...]] = {
    "alexnet": (2, 6, 10, 12, 14),
    "vgg16": (3, 9, 17, 25, 33),
}
"""The ReLUs whose outputs are compared, as in LPIPS."""

MIN_SIZE: Mapping[Backbone, int] = {"alexnet": 21, "vgg16": 18}


class BlurPool(nn.Module):
    """Every second position of ``(N, C, h, w)`` after a 3 x 3 low-pass filter."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", torch.empty(channels, 1, 3, 3))

    def forward(self, features: Tensor) -> Tensor:
        """``(N, C, h, w)`` to ``(N, C, h // 2 + 1, w // 2 + 1)`` or so."""
        padded = F.pad(features, (2, 2, 2, 2), mode="reflect")
        return F.conv2d(padded, self.filt, stride=2, groups=features.shape[1])


def shift_tolerant_lpips(backbone: Backbone, weights: Mapping[str, Tensor]) -> Lpips:
    """The metric as a loss.

    Args:
        backbone: ``alexnet`` or ``vgg16``.
        weights: ``features.N.*`` and the heads ``lin{0..4}.model.1.weight``.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape.
    """
    layers = _alexnet() if backbone == "alexnet" else _vgg16()
    with torch.device("meta"):
        network = nn.Sequential(OrderedDict(features=nn.Sequential(*layers)))
    heads = {name: tensor for name, tensor in weights.items() if name.startswith("lin")}
    trunk = {name: tensor for name, tensor in weights.items() if name not in heads}
    load_weights(network, trunk, weight_id=f"stlpips-{backbone}")
    taps = [f"features.{index}" for index in _TAPS[backbone]]
    return Lpips(network, taps, heads, MIN_SIZE[backbone])


def _alexnet() -> Iterator[nn.Module]:
    yield nn.Conv2d(3, 64, 11, padding=2)
    yield BlurPool(64)
    yield nn.ReLU()
    yield from (nn.MaxPool2d(3, 1), BlurPool(64), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU())
    yield from (nn.MaxPool2d(3, 1), BlurPool(192))
    for inputs, outputs in ((192, 384), (384, 256), (256, 256)):
        yield from (nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())


def _vgg16() -> Iterator[nn.Module]:
    channels = 3
    for count, width in zip(VGG16_CONVS, (64, 128, 256, 512, 512), strict=True):
        if channels > 3:
            yield from (nn.MaxPool2d(2, 1), BlurPool(channels))
        for _ in range(count):
            yield from (nn.Conv2d(channels, width, 3, padding=1), nn.ReLU())
            channels = width
