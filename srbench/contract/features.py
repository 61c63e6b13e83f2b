"""The perceptual loss in feature space, for an author who supplies network, range and taps.

Sources: Johnson, Alahi, Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and
Super-Resolution", ECCV 2016 (the feature reconstruction loss); Ledig et al., "Photo-Realistic
Single Image Super-Resolution Using a Generative Adversarial Network", CVPR 2017 (its use in SRGAN
and the factor 1/12.75).

This module needs torch: import it inside ``build``, never at the top of a plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract.folding import fold_batch_norms
from srbench.contract.loading import load_weights
from srbench.contract.networks import IMAGENET_MEAN, IMAGENET_STD, Network
from srbench.contract.params import FeatureParams
from srbench.contract.specs import BuildContext
from srbench.contract.tapped import TappedNetwork
from srbench.contract.taps import check_tap_weights, tap_paths
from srbench.errors import UserError

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "SRGAN_FEATURE_SCALE",
    "Distance",
    "FeatureLoss",
    "Normalize",
    "check_images",
    "load_weights",
    "network_loss",
]

Distance = Literal["l1", "l2"]
"""``l1``: mean absolute difference; ``l2``: mean squared difference, without a square root."""

SRGAN_FEATURE_SCALE = 1 / 12.75
"""By which the SRGAN paper scales VGG19 features; with ``l2`` it multiplies the loss by 0.00615."""


class Normalize(nn.Module):
    """``(x - mean) / std`` per RGB channel, from [0, 1] to the range of a network.

    Args:
        mean: one per channel, in units of [0, 1].
        std: one per channel, positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise UserError(
                "expected three means and three positive standard deviations (RGB, for inputs in "
                f"[0, 1]), got mean={tuple(mean)} std={tuple(std)}"
            )
        for name, values in (("mean", mean), ("std", std)):
            constant = torch.tensor(tuple(values), dtype=torch.float32).view(1, 3, 1, 1)
            self.register_buffer(name, constant, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """``images``: ``(N, 3, H, W)``, RGB in [0, 1]."""
        return (images - self.mean) / self.std


class FeatureLoss(nn.Module):
    r"""Distance between the features of SR and HR in a frozen network.

    .. math:: L = \sum_t w_t \, d(s\,\phi_t(\mathrm{SR}), s\,\phi_t(\mathrm{HR}))

    with :math:`d` the mean absolute (``l1``) or mean squared (``l2``) difference over all elements
    of the batch, and :math:`s` the feature scale. Lower is better; 0 for equal images.

    Frozen: no parameter asks for a gradient, the network stays in eval mode whatever ``train()``
    says, gradients reach ``sr`` only. The computation ends at the last tap, and a tap's value is
    exactly the module's output although a later in-place ReLU overwrites it. The value is float32
    also under autocast; nothing here waits for the device.

    Args:
        network: takes normalised images; its weights are loaded already.
        taps: a tap, or taps with their weights. Names: see :mod:`srbench.contract.taps`.
        normalize: ``(mean, std)`` in RGB for images in [0, 1], or a module or function that maps
            such images to what the network expects (a module if it holds constants, so that they
            move with the loss); ``None`` if the network takes RGB in [0, 1] as it is.
        distance: ``l1`` or ``l2``.
        before_activation: the taps name activation modules, whose input is compared.
        feature_scale: multiplies the features; the SRGAN paper has 1/12.75.
        min_size: smallest side of an image, in pixels, that the taps can be computed of.
        names: further tap names with their module paths; VGG's exact names are known.

    Raises:
        UnknownName: a tap that the network does not have.
        UserError: any other argument out of its range.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True))
        >>> loss = FeatureLoss(network, "conv1_1", normalize=(IMAGENET_MEAN, IMAGENET_STD))
        >>> images = torch.rand(2, 3, 16, 16)
        >>> float(loss(images, images))
        0.0
    """

    def __init__(
        self,
        network: nn.Module,
        taps: str | Mapping[str, float],
        *,
        normalize: tuple[Sequence[float], Sequence[float]] | Callable[[Tensor], Tensor] | None,
        distance: Distance = "l2",
        before_activation: bool = False,
        feature_scale: float = 1.0,
        min_size: int = 1,
        names: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        weights = {taps: 1.0} if isinstance(taps, str) else dict(taps)
        check_tap_weights(weights)
        if distance not in ("l1", "l2"):
            raise UserError(f"expected distance 'l1' or 'l2', got {distance!r}")
        if not 0 < feature_scale < float("inf"):
            raise UserError(f"expected a positive finite feature_scale, got {feature_scale!r}")
        self.distance: Distance = distance
        self.feature_scale = float(feature_scale)
        self.min_size = min_size
        self.tap_weights = {name: float(weight) for name, weight in weights.items()}
        self.normalize = Normalize(*normalize) if isinstance(normalize, tuple) else normalize
        self.tapped = TappedNetwork(
            network, tuple(weights), before_activation=before_activation, names=names
        )
        self.requires_grad_(False)
        self.train(False)

    @classmethod
    def from_params(
        cls,
        network: nn.Module,
        params: FeatureParams,
        *,
        normalize: tuple[Sequence[float], Sequence[float]] | Callable[[Tensor], Tensor] | None,
        min_size: int = 1,
        names: Mapping[str, str] | None = None,
    ) -> Self:
        """The loss as the parameters of a suite ask for it; arguments as of the class."""
        return cls(
            network,
            params.tap_weights,
            normalize=normalize,
            distance=params.distance,
            before_activation=params.before_activation,
            feature_scale=params.feature_scale,
            min_size=min_size,
            names=names,
        )

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode: BatchNorm statistics of a loss network must never move."""
        return super().train(False)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """The taps of ``(N, 3, H, W)`` RGB images in [0, 1], by name; not scaled."""
        return dict(zip(self.tap_weights, self.tapped(self._prepare(images)), strict=True))

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The batch mean as a float32 scalar; both ``(N, 3, H, W)``, RGB in [0, 1].

        Raises:
            UserError: the shapes differ, are not ``(N, 3, H, W)``, or are below ``min_size``.
        """
        check_images(sr, hr, self.min_size)
        # Apart from SR: in one batch HR's half would go through the backward pass as well, which
        # costs more than it saves (measured on VGG16 conv5_3, 16 x 64 px, CPU: 1.37 times as long).
        with torch.no_grad():
            targets = self.tapped(self._prepare(hr))
        outputs = self.tapped(self._prepare(sr))
        terms = [
            weight * self._distance(output, target)
            for weight, output, target in zip(
                self.tap_weights.values(), outputs, targets, strict=True
            )
        ]
        return torch.stack(terms).sum() if len(terms) > 1 else terms[0]

    def _prepare(self, images: Tensor) -> Tensor:
        # The generator's output may be bfloat16 under autocast; normalise in the network's type.
        parameter = next(self.tapped.parameters(), None)
        if parameter is not None:
            images = images.to(parameter.dtype)
        # Without normalisation a network that starts in place would overwrite the image itself.
        return images.clone() if self.normalize is None else self.normalize(images)

    def _distance(self, output: Tensor, target: Tensor) -> Tensor:
        wide = torch.promote_types(output.dtype, torch.float32)
        output, target = output.to(wide), target.to(wide)
        if self.distance == "l1":
            return F.l1_loss(output, target) * self.feature_scale
        return F.mse_loss(output, target) * self.feature_scale**2


def network_loss(
    ctx: BuildContext,
    network: Network,
    params: FeatureParams,
    *,
    normalize: nn.Module | None = None,
) -> FeatureLoss:
    """The loss of a network that is declared as data, under the weights that ``params`` choose.

    Args:
        ctx: of the run.
        network: of which the loss is made.
        params: of the class ``network.params``.
        normalize: instead of the mean and deviation that ``network`` declares.

    Raises:
        WeightsError: its weights cannot be had, or do not fit.
    """
    pretrained = network.chosen(params)
    # First the weights: without them nothing else is worth the time.
    state = ctx.weights.state_dict(pretrained.file.id)
    module = network.empty()
    kept = {
        name.removeprefix(network.prefix): tensor
        for name, tensor in state.items()
        if name.startswith(network.prefix)
    }
    load_weights(module, kept, weight_id=pretrained.file.id, ignore=network.ignore)
    fold_network(module, network, params)
    return FeatureLoss.from_params(
        module,
        params,
        normalize=normalize or (pretrained.mean, pretrained.std),
        min_size=network.min_size,
        names=network.taps,
    )


def fold_network(module: nn.Module, network: Network, params: FeatureParams) -> dict[str, str]:
    """BatchNorm folded into ``module``, but for what would change a tap.

    Args:
        module: what ``network`` makes, its weights loaded; changed in place.
        network: whose names of taps hold.
        params: of the class ``network.params``.

    Returns:
        As :func:`srbench.contract.folding.fold_batch_norms`.
    """
    modules = {path for path, _ in module.named_modules()}
    tapped = tap_paths(params.tap_weights, network.taps or {}, modules)
    return fold_batch_norms(module.eval(), keep=tapped, size=max(64, network.min_size))


def check_images(sr: Tensor, hr: Tensor, min_size: int = 1) -> None:
    """Raise unless both are RGB batches of one shape. Looks at shapes only, never at values.

    Raises:
        UserError: what was expected and what came.
    """
    for name, images in (("sr", sr), ("hr", hr)):
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise UserError(
                f"expected {name} as RGB images (N, 3, H, W) of a floating-point type, got shape "
                f"{tuple(images.shape)} of {images.dtype}",
                "convert 8-bit images to [0, 1] and repeat the channel of grey ones",
            )
    if sr.shape != hr.shape:
        raise UserError(
            f"expected sr and hr of one shape, got {tuple(sr.shape)} and {tuple(hr.shape)}"
        )
    height, width = sr.shape[-2:]
    if min(height, width) < min_size:
        raise UserError(
            f"expected images of at least {min_size} x {min_size} pixels, got {height} x {width}",
            f"use a patch_size of at least {min_size}, or an earlier tap",
        )
