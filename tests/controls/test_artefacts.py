"""Spectra, wavelets and LDL against closed forms and a plain loop."""

import math

import numpy as np
import pytest
import torch

from srbench.controls.artefacts import fft_l1, haar_bands, ldl, local_variance, wavelet_l1

HR = torch.full((2, 3, 16, 12), 0.5)


def stripes(rows: bool, columns: bool) -> torch.Tensor:
    """+1 and -1 in turn, along rows, columns or both."""
    y, x = torch.meshgrid(torch.arange(16), torch.arange(12), indexing="ij")
    return (1 - 2 * ((y * rows + x * columns) % 2)).float().expand(2, 3, 16, 12)


def test_a_constant_is_one_number_of_the_spectrum() -> None:
    numbers = 2 * 16 * (12 // 2 + 1)  # real and imaginary parts
    expected = 0.1 * math.sqrt(16 * 12) / numbers
    assert float(fft_l1(HR + 0.1, HR)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("rows", "columns"), [(True, False), (False, True), (True, True)])
def test_fine_stripes_are_in_one_detail_band(rows: bool, columns: bool) -> None:
    pattern = 0.1 * stripes(rows, columns)
    bands = haar_bands(pattern)
    index = {(True, False): 1, (False, True): 2, (True, True): 3}[rows, columns]
    sizes = [float(band.abs().mean()) for band in bands]
    assert sizes == pytest.approx([0.1 if k == index else 0.0 for k in range(4)], abs=1e-7)
    assert float(wavelet_l1(HR + pattern, HR)) == pytest.approx(0.1, rel=1e-5)


def test_a_constant_is_the_approximation_and_bands_add_up() -> None:
    assert float(wavelet_l1(HR + 0.2, HR, approximation=0.3)) == pytest.approx(0.06, rel=1e-4)
    images = torch.rand(1, 3, 9, 7)
    for distance in (1, 2):
        torch.testing.assert_close(torch.stack(haar_bands(images, distance)).sum(0), images)


def test_ldl_is_its_formula_pixel_by_pixel() -> None:
    generator = torch.Generator().manual_seed(0)
    sr, hr = torch.rand(2, 2, 3, 9, 11, generator=generator).unbind(0)
    means = []
    for ours, theirs in zip(sr.double().numpy(), hr.double().numpy(), strict=True):
        residual = np.abs(ours - theirs).sum(0)
        padded = np.pad(residual, 3, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
        local = windows.reshape(9, 11, 49).var(axis=-1, ddof=1)
        weights = residual.var(ddof=1) ** 0.2 * local
        means.append((weights * np.abs(ours - theirs)).mean())
    assert float(ldl(sr, hr)) == pytest.approx(np.mean(means), rel=1e-4)
    torch.testing.assert_close(
        local_variance(torch.full((1, 1, 8, 8), 0.7)), torch.zeros(1, 1, 8, 8)
    )


def test_ldls_gradient_is_finite_for_equal_images_and_spares_the_map() -> None:
    sr = HR.clone().requires_grad_()
    ldl(sr, HR).backward()
    assert torch.equal(sr.grad, torch.zeros_like(HR))
