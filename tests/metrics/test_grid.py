"""The grid metric: closed forms, tiles of known strength on real images, and what has no grid."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from srbench.errors import ImageError, UserError
from srbench.imaging import crop_to_multiple, degrade, read_image, to_tensor, to_uint8, upscale
from srbench.metrics.grid import ROUNDING, grid_energy

GREY_LEVELS = (0.0, 0.5, 1.0, 2.0, 4.0)


def score(sr, hr, scale=4):
    """Of float images ``(H, W, 3)`` in grey levels, rounded and clamped as the protocol does."""
    tensors = (
        torch.from_numpy(np.clip(np.rint(x), 0, 255) / 255).permute(2, 0, 1) for x in (sr, hr)
    )
    sr, hr = (x[None].float() for x in tensors)
    return float(grid_energy(sr, hr, scale=scale))


def checkerboard(shape, square, grey_levels):
    """Squares of ``square`` px, ``grey_levels`` from peak to peak."""
    rows, columns = np.indices(shape[:2]) // square
    return grey_levels * ((rows + columns) % 2 - 0.5)[..., None]


@pytest.fixture(scope="module")
def hr():
    import skimage.data

    return skimage.data.astronaut()[:256, 64:320].astype(float)


@pytest.fixture(scope="module")
def bicubic(hr):
    tensor = degrade(to_tensor(hr.astype(np.uint8)), 4)
    return upscale(to_tensor(to_uint8(tensor)), 4)[0].permute(1, 2, 0).double().numpy() * 255


def test_identical_images_and_a_constant_shift_score_one(hr):
    assert score(hr, hr) == 1.0
    shifted = np.clip(hr, 20, 220)
    assert score(shifted + 7, shifted) == pytest.approx(1.0, abs=1e-9)


def test_a_checkerboard_alone_has_its_closed_form():
    # A cosine of amplitude a fills one bin: |DFT|^2 = (a sum(w))^2 / sum(w^2) with w a 2-D Hann
    # window of period 64, sum(w) = 32^2, sum(w^2) = 24^2; three equal channels, floor 3 / 12.
    flat = np.full((128, 192, 3), 120.0)
    amplitude = 3.0
    line = 3 * (amplitude * 32**2) ** 2 / 24**2
    expected = (14 + (line + 3 * ROUNDING) / (3 * ROUNDING)) / 15
    tile = checkerboard(flat.shape, 1, 2 * amplitude)
    assert score(flat + tile, flat) == pytest.approx(expected, rel=1e-6)


def test_white_noise_is_level():
    rng = np.random.default_rng(0)
    flat = np.full((256, 256, 3), 128.0)
    scores = [score(flat + rng.normal(0, 8, flat.shape), flat) for _ in range(10)]
    # 15 lines, 49 blocks that overlap by half, 3 channels: the mean of ten has an sd below 0.02.
    assert np.mean(scores) == pytest.approx(1.0, abs=0.06)


def test_the_size_of_the_image_does_not_change_the_score():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 6, (512, 512, 3)) + 128
    sr = noise + checkerboard(noise.shape, 1, 4.0)
    hr = np.full_like(noise, 128.0)
    small = np.mean([score(sr[y : y + 128, x : x + 128], hr[:128, :128])
                     for y in range(0, 512, 128) for x in range(0, 512, 128)])  # fmt: skip
    assert small == pytest.approx(score(sr, hr), rel=0.1)


@pytest.mark.parametrize("square", [1, 2])
def test_stronger_tiles_score_higher(square, hr, bicubic):
    scores = [score(bicubic + checkerboard(hr.shape, square, a), hr) for a in GREY_LEVELS]
    assert all(low < high for low, high in itertools.pairwise(scores))
    assert scores[0] < 1.5 < 2 * scores[0] < scores[-1]


def test_a_photograph_that_was_only_blurred_or_compressed_is_level(hr, bicubic):
    file = io.BytesIO()
    Image.fromarray(hr.astype(np.uint8)).save(file, "jpeg", quality=90)
    compressed = np.asarray(Image.open(file)).astype(float)
    assert 0.6 < score(bicubic, hr) < 1.4
    assert 0.8 < score(compressed, hr) < 1.2


@pytest.mark.parametrize("scale", [2, 3, 8])
def test_other_scales(scale):
    rng = np.random.default_rng(scale)
    hr = np.full((160, 160, 3), 128.0)
    sr = hr + rng.normal(0, 5, hr.shape)
    tile = rng.choice([-2.0, 2.0], (scale, scale))
    tiled = sr + np.tile(tile, (160 // scale + 1, 160 // scale + 1))[:160, :160, None]
    assert score(tiled, hr, scale) > 2 > 1.3 > score(sr, hr, scale)


def test_a_batch_scores_each_image_alone():
    generator = torch.Generator().manual_seed(0)
    sr, hr = (torch.rand(3, 3, 96, 100, generator=generator) for _ in range(2))
    together = grid_energy(sr, hr, scale=4)
    alone = torch.cat([grid_energy(sr[i : i + 1], hr[i : i + 1], scale=4) for i in range(3)])
    assert together.dtype == torch.float64
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)


def test_too_small_an_image_and_another_scale_are_errors():
    image = torch.zeros(1, 3, 63, 80)
    with pytest.raises(ImageError, match="at least 64 x 64 px for the grid metric, got 63 x 80"):
        grid_energy(image, image, scale=4)
    with pytest.raises(UserError, match="scale of 2 to 8"):
        grid_energy(image, image, scale=1)


@pytest.mark.slow
def test_jpeg_and_bicubic_of_a_test_set_are_level_and_tiles_are_ordered(test_set):
    """The mean over ten images of a set; the figures of docs/protocols.md are of this kind."""
    files = sorted(test_set("bsdt100").iterdir())[::10]
    truth = [crop_to_multiple(read_image(file), 4) for file in files]
    blurred = [
        upscale(to_tensor(to_uint8(degrade(to_tensor(x), 4))), 4)[0]
        .permute(1, 2, 0)
        .double()
        .numpy()
        for x in truth
    ]

    def mean(images):
        return np.mean([score(sr, hr.astype(float)) for sr, hr in zip(images, truth, strict=True)])

    assert mean([255 * sr for sr in blurred]) == pytest.approx(1.0, abs=0.15)
    for square in (1, 2):
        tiled = [
            mean([255 * sr + checkerboard(sr.shape, square, a) for sr in blurred])
            for a in GREY_LEVELS
        ]
        assert all(low < high for low, high in itertools.pairwise(tiled))
