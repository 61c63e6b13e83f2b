"""Where in the frequency plane a gradient's energy lies."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BANDS = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Edges of the bands in cycles per pixel; the last one reaches into the corners (0.71)."""

PERIOD = 4
"""Of the grid that two pixel-shuffles or strided convolutions leave behind, in pixels."""


def power(gradient: Tensor) -> Tensor:
    """Power spectrum ``(H, W)`` of ``(N, 3, H, W)``, summed over images and channels."""
    spectra: Tensor = torch.fft.fft2(gradient.double())
    return spectra.abs().square().sum(dim=(0, 1))


def band_shares(spectrum: Tensor) -> tuple[float, ...]:
    """Share of the energy in each of :data:`BANDS` by distance from frequency 0; they sum to 1."""
    height, width = spectrum.shape
    down, across = torch.fft.fftfreq(height), torch.fft.fftfreq(width)
    radius = (down[:, None].square() + across[None, :].square()).sqrt()
    edges = torch.tensor(BANDS[1:-1])
    band = torch.bucketize(radius, edges, right=True)
    total = spectrum.sum()
    return tuple(float(spectrum[band == index].sum() / total) for index in range(len(BANDS) - 1))


def checkerboard_excess(spectrum: Tensor) -> float:
    """Energy on the checkerboard frequencies, against what a flat neighbourhood would have there.

    Those are the multiples of a quarter cycle per pixel in each direction, frequency 0 left out.
    1: nothing special is there. Values well above 1: the gradient draws a grid of period 2 or 4
    into the image (Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016).
    """
    near = torch.zeros_like(spectrum)
    reach = 3
    for y, x in _grid(spectrum):
        window = spectrum.roll((reach - y, reach - x), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
        around = (window.sum() - window[reach, reach]) / (window.numel() - 1)
        near[y, x] = around
    on_grid = sum(float(spectrum[y, x]) for y, x in _grid(spectrum))
    expected = float(near.sum())
    return on_grid / expected if expected > 0 else math.inf


def checkerboard_share(spectrum: Tensor) -> float:
    """Share of all energy that is on the checkerboard frequencies; white noise: 15 / (H W)."""
    return sum(float(spectrum[y, x]) for y, x in _grid(spectrum)) / float(spectrum.sum())


def grid_unevenness(gradient: Tensor) -> float:
    """How unevenly the gradient's energy is spread over the 16 places of a 4 x 4 grid.

    Standard deviation over mean of the energies of the pixels ``(4i + a, 4j + b)``. 0: every pixel
    gets as much; 3.87 (the root of 15): one pixel in sixteen gets everything, as after a
    convolution of stride 4 that skips pixels. Photographs alone give about 0.1.

    Args:
        gradient: ``(N, 3, H, W)``, sides multiples of 4.
    """
    energy = gradient.double().square().sum(dim=(0, 1))
    height, width = energy.shape
    phases = energy.view(height // PERIOD, PERIOD, width // PERIOD, PERIOD).sum(dim=(0, 2))
    return float(phases.std(correction=0) / phases.mean())


def _grid(spectrum: Tensor) -> list[tuple[int, int]]:
    height, width = spectrum.shape
    if height % PERIOD or width % PERIOD:
        raise ValueError(f"expected sides that are multiples of {PERIOD}, got {height} x {width}")
    steps = range(PERIOD)
    return [
        (height * a // PERIOD, width * b // PERIOD)
        for a in steps
        for b in steps
        if (a, b) != (0, 0)
    ]
