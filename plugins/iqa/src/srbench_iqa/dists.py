r"""DISTS: similarity of structure and of texture in the features of a VGG16.

Source: Ding, Ma, Wang, Simoncelli, "Image Quality Assessment: Unifying Structure and Texture
Similarity", IEEE TPAMI 2020, arXiv 2004.07728.

.. math:: d(x, y) = 1 - \sum_{l,c} \big( \alpha_{lc}\, l(x_{lc}, y_{lc})
          + \beta_{lc}\, s(x_{lc}, y_{lc}) \big)

with :math:`l` comparing means and :math:`s` correlations, as in SSIM, over whole feature maps; the
image itself is the first layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD, Normalize, load_weights
from srbench.errors import WeightsError
from srbench_iqa.metric_loss import MetricLoss

CHANNELS = (3, 64, 128, 256, 512, 512)
"""Of the compared layers: the image, then VGG16's relu1_2, 2_2, 3_3, 4_3, 5_3."""

MIN_SIZE = 16

_C1 = 1e-6
_C2 = 1e-6
_UNDER_ROOT = 1e-12


class L2Pooling(nn.Module):
    """Root of the Hanning-weighted mean square, in the place of VGG's max-pooling."""

    window: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        hanning = torch.hann_window(5, periodic=False)[1:-1]
        window = hanning[:, None] * hanning[None, :]
        window = (window / window.sum()).expand(channels, 1, 3, 3).contiguous()
        self.register_buffer("window", window, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """``(N, C, h, w)`` to ``(N, C, ceil(h / 2), ceil(w / 2))``."""
        square = F.conv2d(
            features.square(), self.window, stride=2, padding=1, groups=features.shape[1]
        )
        return (square + _UNDER_ROOT).sqrt()


class Dists(MetricLoss):
    """DISTS; 0 for equal images, lower is better.

    Args:
        features: torchvision's ``features.N.*`` of VGG16, ImageNet weights.
        weights: ``alpha`` and ``beta``, each ``(1, 1475, 1, 1)``.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape.
    """

    alpha: Tensor
    beta: Tensor

    def __init__(self, features: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
        super().__init__(MIN_SIZE)
        self.normalize = Normalize(IMAGENET_MEAN, IMAGENET_STD)
        self.stages = _stages(features)
        _check(weights)
        total = weights["alpha"].sum() + weights["beta"].sum()
        for name in ("alpha", "beta"):
            self.register_buffer(name, (weights[name] / total).flatten(), persistent=False)
        self.requires_grad_(False)
        self.train(False)

    def describe(self, images: Tensor) -> tuple[Tensor, ...]:
        """The image and the five layers."""
        layers = [images]
        features = self.normalize(images)
        for stage in self.stages:
            features = stage(features)
            layers.append(features)
        return tuple(layers)

    def compare(self, sr: tuple[Tensor, ...], hr: tuple[Tensor, ...]) -> Tensor:
        """One minus the weighted similarities of all channels."""
        pairs = [similarities(ours, theirs) for ours, theirs in zip(sr, hr, strict=True)]
        texture = torch.cat([pair[0] for pair in pairs], dim=1)
        structure = torch.cat([pair[1] for pair in pairs], dim=1)
        return 1 - (texture * self.alpha + structure * self.beta).sum(1)


def similarities(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Of two ``(N, C, h, w)`` maps: similarity of means and of structure, each ``(N, C)``."""
    x_mean, y_mean = x.mean((2, 3)), y.mean((2, 3))
    x_variance = (x - x_mean[..., None, None]).square().mean((2, 3))
    y_variance = (y - y_mean[..., None, None]).square().mean((2, 3))
    covariance = (x * y).mean((2, 3)) - x_mean * y_mean
    means = (2 * x_mean * y_mean + _C1) / (x_mean.square() + y_mean.square() + _C1)
    structure = (2 * covariance + _C2) / (x_variance + y_variance + _C2)
    return means, structure


def _stages(features: Mapping[str, Tensor]) -> nn.ModuleList:
    with torch.device("meta"):
        vgg = torchvision.models.vgg16()
    state = {
        name.removeprefix("features."): tensor
        for name, tensor in features.items()
        if name.startswith("features.")
    }
    load_weights(vgg.features, state, weight_id="VGG16 of DISTS")
    bounds = ((0, 4), (5, 9), (10, 16), (17, 23), (24, 30))
    stages = []
    for number, (start, stop) in enumerate(bounds):
        layers: list[nn.Module] = [] if number == 0 else [L2Pooling(CHANNELS[number])]
        for layer in vgg.features[start:stop]:
            # Each stage's input is kept and compared: nothing may be overwritten.
            layers.append(nn.ReLU() if isinstance(layer, nn.ReLU) else layer)
        stages.append(nn.Sequential(*layers))
    return nn.ModuleList(stages)


def _check(weights: Mapping[str, Tensor]) -> None:
    shape = (1, sum(CHANNELS), 1, 1)
    if set(weights) != {"alpha", "beta"} or any(w.shape != shape for w in weights.values()):
        got = ", ".join(f"{name} {tuple(w.shape)}" for name, w in sorted(weights.items()))
        raise WeightsError(
            f"expected DISTS's alpha and beta, each {shape}, got {got}",
            "check the file: srbench weights verify dists",
        )
