"""PSNR and SSIM against scikit-image, pyiqa, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.errors import ImageError
from srbench.imaging import to_tensor
from srbench.metrics.fidelity import Psnr, Ssim, psnr, ssim
from srbench.metrics.protocol import PROTOCOLS, get_protocol

Y4, RGB4 = get_protocol("y4-v2"), get_protocol("rgb4-v2")


def luma(image: np.ndarray) -> np.ndarray:
    """BT.601 studio-range Y by hand, 16 to 235, not rounded."""
    return 16.0 + (image / 255.0) @ np.array([65.481, 128.553, 24.966])


def reference_ssim(x: np.ndarray, y: np.ndarray, **kwargs) -> float:
    """scikit-image's map where the whole window lies inside the image."""
    _, full = skimage.metrics.structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255,
        full=True, **kwargs,
    )  # fmt: skip
    return float(full[5:-5, 5:-5].mean())


def crop(image: np.ndarray, border: int = 4) -> np.ndarray:
    return image[border:-border, border:-border]


def test_psnr_on_y_equals_scikit_image(photo_pair):
    sr, hr = photo_pair
    expected = skimage.metrics.peak_signal_noise_ratio(
        luma(crop(hr)), luma(crop(sr)), data_range=255
    )
    (got,) = Psnr(Y4, border=4)(to_tensor(sr), to_tensor(hr)).tolist()
    assert got == pytest.approx(expected, abs=1e-4)  # our 1e-8 in the denominator


def test_psnr_on_rgb_equals_scikit_image(photo_pair):
    sr, hr = photo_pair
    expected = skimage.metrics.peak_signal_noise_ratio(crop(hr), crop(sr))
    (got,) = Psnr(RGB4, border=4)(to_tensor(sr), to_tensor(hr)).tolist()
    assert got == pytest.approx(expected, abs=1e-4)


def test_psnr_closed_form():
    x = torch.full((2, 1, 5, 7), 0.5)
    y = x + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    expected = 10 * np.log10(1 / (np.array([1e-2, 1e-4]) + 1e-8))
    np.testing.assert_allclose(psnr(y, x).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_identical_images(protocol, photo_pair):
    hr = to_tensor(photo_pair[1])
    assert Psnr(protocol, border=4)(hr, hr).item() == pytest.approx(80.0, abs=1e-12)
    assert Ssim(protocol, border=4)(hr, hr).item() == pytest.approx(1.0, abs=1e-12)


def test_ssim_on_rounded_y_equals_scikit_image(photo_pair):
    sr, hr = photo_pair
    x, y = (np.round(luma(crop(image))) for image in (sr, hr))
    expected = reference_ssim(x, y)
    tensors = [torch.from_numpy(image)[None, None] for image in (x, y)]
    assert ssim(*tensors, clamp_contrast=False).item() == pytest.approx(expected, abs=1e-12)
    # Clamping moves it, but by less than a table shows.
    (got,) = Ssim(Y4, border=4)(to_tensor(sr), to_tensor(hr)).tolist()
    assert expected <= got < expected + 5e-4


def test_ssim_on_rgb_equals_scikit_image_hence_basicsr(photo_pair):
    sr, hr = photo_pair
    expected = reference_ssim(crop(sr), crop(hr), channel_axis=2)
    (got,) = Ssim(RGB4, border=4)(to_tensor(sr), to_tensor(hr)).tolist()
    assert got == pytest.approx(expected, abs=1e-12)


def test_psnr_and_ssim_equal_pyiqa(photo_pair):
    from pyiqa.archs.psnr_arch import PSNR
    from pyiqa.archs.ssim_arch import SSIM

    sr, hr = (to_tensor(image) for image in photo_pair)
    y_psnr = PSNR(test_y_channel=True, crop_border=4, color_space="ycbcr")(sr, hr)
    y_ssim = SSIM(test_y_channel=True, crop_border=4, color_space="ycbcr")(sr, hr)
    rgb_psnr = PSNR(test_y_channel=False, crop_border=4)(sr, hr)
    assert Psnr(Y4, border=4)(sr, hr).item() == pytest.approx(y_psnr.item(), abs=1e-5)
    assert Ssim(Y4, border=4)(sr, hr).item() == pytest.approx(y_ssim.item(), abs=1e-5)
    assert Psnr(RGB4, border=4)(sr, hr).item() == pytest.approx(rgb_psnr.item(), abs=1e-5)


def test_clamping_hides_inverted_structure():
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 1, 40, 40))).double()
    assert ssim(x, 255 - x, clamp_contrast=True).item() == 0.0
    assert ssim(x, 255 - x, clamp_contrast=False).item() < -0.5


@pytest.mark.parametrize("metric", [Psnr, Ssim])
def test_the_border_is_left_out(metric, photo_pair):
    sr, hr = (to_tensor(image) for image in photo_pair)
    spoilt = torch.rand_like(sr)
    spoilt[..., 3:-3, 3:-3] = sr[..., 3:-3, 3:-3]
    scorer = metric(Y4, border=3)
    assert scorer(spoilt, hr).item() == scorer(sr, hr).item()
    assert metric(Y4, border=2)(spoilt, hr).item() != metric(Y4, border=2)(sr, hr).item()


@pytest.mark.parametrize(("metric", "least"), [(Psnr, 9), (Ssim, 19)])
def test_smallest_image(metric, least):
    scorer = metric(Y4, border=4)
    fits, small = torch.rand(1, 3, least, 50), torch.rand(1, 3, 50, least - 1)
    assert torch.isfinite(scorer(fits, fits)).all()
    with pytest.raises(ImageError, match=f"at least {least} x {least} px.*got 50 x {least - 1}"):
        scorer(small, small)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(11, 30), st.integers(11, 30)),
    st.booleans(),
)
def test_ssim_is_symmetric_bounded_and_batch_independent(seed, size, clamp):
    rng = np.random.default_rng(seed)
    x, y = (torch.from_numpy(rng.integers(0, 256, (2, 3, *size))).float() for _ in range(2))
    scores = ssim(x, y, clamp_contrast=clamp)
    np.testing.assert_allclose(scores, ssim(y, x, clamp_contrast=clamp), atol=1e-12)
    assert (scores.abs() <= 1).all()
    alone = [ssim(x[i : i + 1], y[i : i + 1], clamp_contrast=clamp).item() for i in range(2)]
    np.testing.assert_allclose(scores, alone, atol=1e-12)
