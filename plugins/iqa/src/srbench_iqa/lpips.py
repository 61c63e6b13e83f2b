r"""LPIPS: distance of unit-normalised features, weighted per channel by what people judged.

Source: Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018; version 0.1 of its weights.

.. math:: d(x, y) = \sum_l \frac{1}{H_l W_l} \sum_{h,w}
          w_l^\top (\hat\phi_l(x)_{hw} - \hat\phi_l(y)_{hw})^2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from srbench.contract.architectures import torchvision_features
from srbench.contract.features import Normalize, load_weights
from srbench.contract.tapped import TappedNetwork
from srbench.errors import WeightsError
from srbench_iqa.metric_loss import MetricLoss

Backbone = Literal["alex", "vgg"]

# The authors scale [-1, 1] by these; here they are in units of [0, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_MEAN = tuple((1 + shift) / 2 for shift in _SHIFT)
_STD = tuple(scale / 2 for scale in _SCALE)

_TAPS: Mapping[Backbone, tuple[str, ...]] = {
    "alex": tuple(f"features.{index}" for index in (1, 4, 7, 9, 11)),
    "vgg": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
}
MIN_SIZE: Mapping[Backbone, int] = {"alex": 31, "vgg": 16}
"""Below these sides a pooling layer has nothing left to pool."""

_EPSILON = 1e-10
_UNDER_ROOT = 1e-20
"""The authors take the root of 0 where all channels are 0, whose gradient is not a number."""


class Lpips(MetricLoss):
    """LPIPS; 0 for equal images, lower is better.

    Args:
        network: takes images in the range of LPIPS's authors; its weights are loaded.
        taps: the compared layers.
        heads: ``lin{0..4}.model.1.weight``, each ``(1, C, 1, 1)``.
        min_size: smallest side of an image in pixels.

    Raises:
        WeightsError: a head is missing.
    """

    def __init__(
        self,
        network: nn.Module,
        taps: Sequence[str],
        heads: Mapping[str, Tensor],
        min_size: int,
    ) -> None:
        super().__init__(min_size)
        self.normalize = Normalize(_MEAN, _STD)
        self.tapped = TappedNetwork(network, taps)
        for index in range(len(taps)):
            self.register_buffer(f"head{index}", _head(heads, index), persistent=False)
        self.requires_grad_(False)
        self.train(False)

    def describe(self, images: Tensor) -> tuple[Tensor, ...]:
        """The five layers, each position's channels normalised to length 1."""
        return tuple(unit_length(layer) for layer in self.tapped(self.normalize(images)))

    def compare(self, sr: tuple[Tensor, ...], hr: tuple[Tensor, ...]) -> Tensor:
        """The weighted squared differences, averaged over positions, summed over layers."""
        scores = [
            ((ours - theirs).square() * self.get_buffer(f"head{index}")).sum(1).mean((1, 2))
            for index, (ours, theirs) in enumerate(zip(sr, hr, strict=True))
        ]
        return torch.stack(scores).sum(0)


def unit_length(features: Tensor) -> Tensor:
    """``(N, C, h, w)`` with each position's channels divided by their norm (0 stays 0)."""
    norm = (features.square().sum(1, keepdim=True) + _UNDER_ROOT).sqrt()
    return features / (norm + _EPSILON)


def lpips_v01(
    backbone: Backbone, features: Mapping[str, Tensor], heads: Mapping[str, Tensor]
) -> Lpips:
    """LPIPS v0.1 on torchvision's AlexNet or VGG16.

    Args:
        backbone: ``alex`` or ``vgg``.
        features: torchvision's ``features.N.*``, ImageNet weights.
        heads: see :class:`Lpips`.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape.
    """
    network = _network(backbone, features)
    return Lpips(network, _TAPS[backbone], heads, MIN_SIZE[backbone])


def _network(backbone: Backbone, features: Mapping[str, Tensor]) -> nn.Module:
    with torch.device("meta"):
        network = torchvision_features("alexnet" if backbone == "alex" else "vgg16")
    load_weights(network, features, weight_id=f"{backbone} of LPIPS", ignore=("classifier.",))
    return network


def _head(heads: Mapping[str, Tensor], index: int) -> Tensor:
    name = f"lin{index}.model.1.weight"
    if name not in heads or heads[name].ndim != 4:
        raise WeightsError(
            f"expected LPIPS's heads to hold {name} (1, C, 1, 1), got {', '.join(sorted(heads))}",
            "srbench weights verify lpips-alex lpips-vgg",
        )
    return heads[name].float()
