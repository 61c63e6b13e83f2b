"""Our bicubic against pyiqa's port of MATLAB's imresize, and against its own definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiqa.matlab_utils import imresize

from srbench.errors import ImageError
from srbench.imaging import (
    MARGIN_LR,
    degrade,
    degrade_patches,
    downscale,
    list_images,
    quantize,
    read_image,
    to_tensor,
    upscale,
)

scales = st.sampled_from([2, 3, 4])
seeds = st.integers(0, 2**31 - 1)


def random_images(seed, *shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_equals_matlab_imresize_at_every_pixel(name, shared_data):
    for file in list_images(shared_data / name):
        hr = to_tensor(read_image(file))
        lr = downscale(hr, 4)
        torch.testing.assert_close(lr, imresize(hr, scale=1 / 4), atol=1e-5, rtol=0)
        lr = quantize(lr)
        torch.testing.assert_close(upscale(lr, 4), imresize(lr, scale=4), atol=1e-5, rtol=0)


def keys_kernel(x):
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def resize_matrix(size, ratio):
    """(size * ratio, size) weights straight from Keys' formula, in float64, edges reflected."""
    out = round(size * ratio)
    weights = np.zeros((out, size))
    width = max(1.0, 1 / ratio)
    taps = np.arange(-4 * size - 8, 5 * size + 8)
    for i in range(out):
        center = (i + 0.5) / ratio - 0.5
        kernel = keys_kernel((taps - center) / width)
        folded = taps % (2 * size)
        np.add.at(weights[i], np.minimum(folded, 2 * size - 1 - folded), kernel / kernel.sum())
    return weights


@settings(deadline=None, max_examples=40)
@given(scale=scales, height=st.integers(1, 9), width=st.integers(1, 9), seed=seeds)
def test_downscale_is_keys_kernel_with_reflected_edges(scale, height, width, seed):
    x = random_images(seed, 2, 3, height * scale, width * scale).double()
    rows = resize_matrix(height * scale, 1 / scale)
    columns = resize_matrix(width * scale, 1 / scale)
    expected = torch.einsum(
        "oh,nchw,pw->ncop", torch.from_numpy(rows), x, torch.from_numpy(columns)
    )
    torch.testing.assert_close(downscale(x, scale), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(downscale(x.float(), scale), expected.float(), atol=2e-6, rtol=0)


@settings(deadline=None, max_examples=40)
@given(scale=scales, height=st.integers(1, 12), width=st.integers(1, 12), seed=seeds)
def test_upscale_is_keys_kernel_with_reflected_edges(scale, height, width, seed):
    x = random_images(seed, 1, 2, height, width).double()
    rows, columns = resize_matrix(height, scale), resize_matrix(width, scale)
    expected = torch.einsum(
        "oh,nchw,pw->ncop", torch.from_numpy(rows), x, torch.from_numpy(columns)
    )
    torch.testing.assert_close(upscale(x, scale), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(upscale(x.float(), scale), expected.float(), atol=5e-6, rtol=0)


@settings(deadline=None, max_examples=30)
@given(scale=scales, seed=seeds, top=st.integers(0, 20), left=st.integers(0, 20))
def test_patch_with_margin_degrades_to_the_crop_of_the_whole_lr(scale, seed, top, left):
    margin, size = MARGIN_LR * scale, 8 * scale
    whole = random_images(seed, 1, 3, 36 * scale, 36 * scale)
    y, x = (top + MARGIN_LR) * scale - margin, (left + MARGIN_LR) * scale - margin
    patch = whole[..., y : y + size + 2 * margin, x : x + size + 2 * margin].contiguous()
    lr, hr = degrade_patches(patch, scale)
    first_row, first_column = top + MARGIN_LR, left + MARGIN_LR
    expected = degrade(whole, scale)[
        ..., first_row : first_row + 8, first_column : first_column + 8
    ]
    assert torch.equal(lr, expected)
    assert torch.equal(
        hr, whole[..., y + margin : y + margin + size, x + margin : x + margin + size]
    )


def test_too_small_a_margin_would_not_do(monkeypatch):
    """The identity above is not trivial: with a margin below the kernel's reach it fails."""
    whole = random_images(0, 1, 3, 96, 96)
    patch = whole[..., 28:68, 28:68].contiguous()
    monkeypatch.setattr("srbench.imaging.bicubic._REACH", 1)
    lr, _ = degrade_patches(patch, 4, margin_lr=1)
    assert not torch.equal(lr, degrade(whole, 4)[..., 8:16, 8:16])


def test_degrade_is_on_the_8_bit_grid_even_where_bicubic_overshoots():
    hr = torch.zeros(1, 3, 32, 32)
    hr[..., 16:] = 1.0
    assert downscale(hr, 4).min() < 0
    lr = degrade(hr, 4)
    assert lr.min() == 0
    assert lr.max() == 1
    assert torch.equal(quantize(lr), lr)


def test_constant_images_stay_constant():
    x = torch.full((1, 3, 24, 28), 0.3)
    torch.testing.assert_close(downscale(x, 4), torch.full((1, 3, 6, 7), 0.3))
    torch.testing.assert_close(upscale(x, 4), torch.full((1, 3, 96, 112), 0.3))


def test_scale_one_changes_nothing_but_the_rounding():
    x = random_images(1, 1, 3, 5, 7)
    assert torch.equal(downscale(x, 1), x)
    assert torch.equal(upscale(x, 1), x)
    assert torch.equal(degrade(x, 1), quantize(x))


def test_result_does_not_depend_on_threads_or_batch():
    x = random_images(2, 4, 3, 128, 96)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = degrade(x, 4)
        torch.set_num_threads(2)
        two = degrade(x, 4)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, two)
    assert torch.equal(one[2:3], degrade(x[2:3], 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: downscale(torch.rand(1, 3, 10, 12), 4), "multiples of the scale 4, got 10 x 12"),
        (lambda: downscale(torch.rand(3, 8, 8), 4), "got torch.float32 \\(3, 8, 8\\)"),
        (lambda: upscale(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 4), "got torch.uint8"),
        (lambda: upscale(torch.rand(1, 3, 8, 8), 0), "scale of at least 1, got 0"),
        (lambda: degrade_patches(torch.rand(1, 3, 32, 32), 4), "got 4 LR px at scale 4"),
        (lambda: degrade_patches(torch.rand(1, 3, 64, 64), 4, 1), "at least 2 LR px"),
    ],
)
def test_refuses_what_does_not_fit(call, message):
    with pytest.raises(ImageError, match=message):
        call()
