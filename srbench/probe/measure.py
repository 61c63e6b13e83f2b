"""The figures of one loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from srbench.errors import SrbenchError
from srbench.probe import cost, images, spectrum

NOISE_LEVELS = (0.005, 0.02, 0.08, 0.32)
"""Standard deviations of the noise that changes are compared with."""

REACH_SIZE = 192
"""Side of the image in which the reach of a pixel is measured."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a loss sees and what it costs; see ``docs/probe.md``.

    Attributes:
        label: how the loss is called.
        size: side of the images in pixels.
        gradient_norm: Euclidean norm of the gradient at SR per image, averaged; in loss per
            [0, 1] pixel. Depends on the loss's scale, which calibration takes out.
        bands: share of the gradient's energy in each band of :data:`spectrum.BANDS`.
        checkerboard_share: share of it at the frequencies of a checkerboard.
        checkerboard_excess: that against the neighbouring frequencies; 1 is unsuspicious.
        grid_unevenness: of the gradient's energy over the places of a 4 x 4 grid; 0 is even.
        sensitivity: change -> the amplitude of white noise that costs as much, divided by the
            amplitude of the change. 1 for L2 by definition; above: the loss minds it more than
            noise; below: it forgives.
        reach: pixels from one side to the other of what one pixel's error has a gradient in.
        reach_is_cut: the image ended before the reach did; ``reach`` is a lower bound.
        reach_95: diameter in which 95 % of that gradient's energy lies.
        gflops: of forward and backward for one image of ``size``.
        activations_mb: kept between forward and backward for it.
        weights_mb: of the network.
        gradient: at SR of the first photograph ``(3, H, W)``, for the picture.
    """

    label: str
    size: int
    gradient_norm: float
    bands: tuple[float, ...]
    checkerboard_share: float
    checkerboard_excess: float
    grid_unevenness: float
    sensitivity: dict[str, float]
    reach: int
    reach_is_cut: bool
    reach_95: int
    gflops: float
    activations_mb: float
    weights_mb: float
    gradient: Tensor

    def as_document(self) -> dict[str, Any]:
        """Plain JSON data, without the gradient image."""
        return {
            "loss": self.label,
            "size": self.size,
            "gradient_norm": self.gradient_norm,
            "bands": list(self.bands),
            "checkerboard_share": self.checkerboard_share,
            "checkerboard_excess": self.checkerboard_excess,
            "grid_unevenness": self.grid_unevenness,
            "sensitivity": dict(self.sensitivity),
            "reach": self.reach,
            "reach_is_cut": self.reach_is_cut,
            "reach_95": self.reach_95,
            "gflops": self.gflops,
            "activations_mb": self.activations_mb,
            "weights_mb": self.weights_mb,
        }


def probe_loss(loss: nn.Module, label: str, *, size: int = 96, device: str = "cpu") -> Probe:
    """Measure a built loss on fixed photographs.

    Args:
        loss: frozen, on ``device``.
        label: how to call it.
        size: side of the images; a multiple of 4, at least the loss's minimum.
        device: where the loss is.

    Raises:
        SrbenchError: the loss has no gradient at bicubic images, or is not finite there.
    """
    hr = images.photographs(size)
    sr = images.bicubic(hr)
    gradients = torch.cat(
        [_gradient(loss, one[None].to(device), two[None].to(device)) for one, two in _zip(sr, hr)]
    ).cpu()
    norms = gradients.flatten(1).norm(dim=1)
    if not bool(torch.isfinite(norms).all()) or not bool((norms > 0).all()):
        raise SrbenchError(
            f"expected {label} to have a finite gradient at bicubic images, got norms of "
            f"{[float(norm) for norm in norms]}",
            "srbench check shows what is wrong with it",
        )
    # Each image counts alike, whatever its contrast.
    alike = gradients / norms.view(-1, 1, 1, 1)
    energy = spectrum.power(alike)
    reach, is_cut, reach_95 = _reach(loss, max(size, REACH_SIZE), device)
    one_sr, one_hr = sr[:1].to(device), hr[:1].to(device)
    return Probe(
        label=label,
        size=size,
        gradient_norm=float(norms.mean()),
        bands=spectrum.band_shares(energy),
        checkerboard_share=spectrum.checkerboard_share(energy),
        checkerboard_excess=spectrum.checkerboard_excess(energy),
        grid_unevenness=spectrum.grid_unevenness(alike),
        sensitivity=_sensitivity(loss, size, device),
        reach=reach,
        reach_is_cut=is_cut,
        reach_95=reach_95,
        gflops=cost.gflops(loss, one_sr, one_hr),
        activations_mb=cost.activations_megabytes(loss, one_sr, one_hr),
        weights_mb=cost.weights_megabytes(loss),
        gradient=gradients[0],
    )


def _zip(one: Tensor, other: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(one, other, strict=True))


def _gradient(loss: nn.Module, sr: Tensor, hr: Tensor) -> Tensor:
    image = sr.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(image, hr), image)
    return gradient.detach()


def _sensitivity(loss: nn.Module, size: int, device: str) -> dict[str, float]:
    """Each change in units of noise; the texture is replaced by another sample of itself."""
    hr = images.photographs(size)
    # What the loss has for equal images (Charbonnier's epsilon) is no answer to a change.
    at_zero = _value(loss, hr[:1], hr[:1], device)

    def cost_of(changed: Tensor, truth: Tensor) -> float:
        return _value(loss, changed, truth, device) - at_zero

    def curve_at(truth: Tensor) -> list[float]:
        return [cost_of(truth + level * images.noise(truth), truth) for level in NOISE_LEVELS]

    def in_noise(changed: Tensor, truth: Tensor, curve: Sequence[float]) -> float:
        amplitude = float((changed - truth).square().mean().sqrt())
        return noise_that_costs(cost_of(changed, truth), curve) / amplitude

    curve = curve_at(hr)
    found = {name: in_noise(change(hr), hr, curve) for name, change in images.CHANGES.items()}
    one, other = images.textures(size)
    return {**found, "texture": in_noise(other, one, curve_at(one))}


def _value(loss: nn.Module, sr: Tensor, hr: Tensor, device: str) -> float:
    with torch.no_grad():
        return float(loss(sr.to(device), hr.to(device)))


def noise_that_costs(value: float, curve: Sequence[float]) -> float:
    """The noise amplitude at which a loss has ``value``, between and beyond the levels measured.

    Interpolated on logarithmic axes, where a distance raised to a power is a straight line, so
    that squared and plain distances give the same answer.

    Args:
        value: the loss's.
        curve: the loss at :data:`NOISE_LEVELS`, positive and rising.

    Returns:
        A standard deviation; 0 if the value is not positive; NaN if the loss does not rise.
    """
    if value <= 0:
        return 0.0
    if min(curve) <= 0 or any(b <= a for a, b in pairwise(curve)):
        return math.nan
    logs = [math.log(v) for v in curve]
    levels = [math.log(level) for level in NOISE_LEVELS]
    target = math.log(value)
    index = next((i for i in range(1, len(logs) - 1) if target <= logs[i]), len(logs) - 1)
    slope = (levels[index] - levels[index - 1]) / (logs[index] - logs[index - 1])
    return math.exp(levels[index - 1] + slope * (target - logs[index - 1]))


def _reach(loss: nn.Module, size: int, device: str) -> tuple[int, bool, int]:
    """How far one pixel's error is felt: ``(extent, extent is cut by the image, 95 % diameter)``.

    An error of a pixel changes the features that see it; the gradient of those reaches every pixel
    that they see. That is one receptive field to each side of the pixel, so the receptive field
    is ``(extent + 1) / 2``.
    """
    hr = images.photographs(size)[:1].to(device)
    sr = hr.clone()
    middle = size // 2
    sr[..., middle, middle] = 1 - sr[..., middle, middle]
    energy = _gradient(loss, sr, hr)[0].cpu().double().square().sum(dim=0)
    felt = (energy > 1e-12 * energy.max()).nonzero()
    low, high = felt.min(dim=0).values, felt.max(dim=0).values
    extent = int((high - low).max()) + 1
    is_cut = int(low.min()) == 0 or int(high.max()) == size - 1
    steps = torch.arange(size) - middle
    distance = torch.maximum(steps.abs()[:, None], steps.abs()[None, :])
    inside = torch.stack([energy[distance <= radius].sum() for radius in range(middle + 1)])
    radius = int((inside < 0.95 * energy.sum()).sum())
    return extent, is_cut, 2 * radius + 1
