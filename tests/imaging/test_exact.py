"""Images whose bytes are the same on every machine: LR, bicubic, rounding, and their hash."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.data import find_dataset
from srbench.errors import ImageError
from srbench.imaging import (
    bicubic_image,
    crop_to_multiple,
    degrade,
    lr_image,
    pixels_sha256,
    to_tensor,
    to_uint8,
)


def keys(distance: Fraction) -> Fraction:
    """The cubic of Keys (1981) with a = -1/2."""
    d, a = abs(distance), Fraction(-1, 2)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else Fraction(0)


def resampled(line: list[Fraction], size: int, scale: Fraction) -> list[Fraction]:
    """MATLAB's imresize of one line in rational arithmetic, the border repeated by reflection."""
    stretch = max(1, 1 / scale)  # the kernel is widened when shrinking
    found = []
    for index in range(size):
        centre = (index + Fraction(1, 2)) / scale - Fraction(1, 2)
        taps = range(int(centre - 2 * stretch) - 1, int(centre + 2 * stretch) + 2)
        weights = [keys((tap - centre) / stretch) for tap in taps]
        period = 2 * len(line)
        places = [min(tap % period, period - 1 - tap % period) for tap in taps]
        total = sum(weights)
        found.append(sum(w * line[p] for w, p in zip(weights, places, strict=True)) / total)
    return found


def in_fractions(image: np.ndarray, scale: Fraction) -> np.ndarray:
    """An image resampled and rounded without any rounding before, ties to even."""
    height, width = (int(side * scale) for side in image.shape[:2])
    result = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        rows = [[Fraction(int(v)) for v in row] for row in image[..., channel]]
        tall = zip(
            *(resampled(list(c), height, scale) for c in zip(*rows, strict=True)), strict=True
        )
        for y, row in enumerate(tall):
            for x, value in enumerate(resampled(list(row), width, scale)):
                result[y, x, channel] = min(255, max(0, round(value)))
    return result


# Few levels, so that values half way between two levels are common and not an accident.
photos = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 4, (12, 12, 3), dtype=np.uint8)
)


@settings(max_examples=15, deadline=None)
@given(photos, st.sampled_from([2, 3, 4]))
def test_lr_is_that_of_rational_arithmetic(hr: np.ndarray, scale: int) -> None:
    assert np.array_equal(lr_image(hr, scale), in_fractions(hr, Fraction(1, scale)))


@settings(max_examples=10, deadline=None)
@given(photos.map(lambda image: image[:4, :5]), st.sampled_from([2, 3, 4]))
def test_bicubic_is_that_of_rational_arithmetic(lr: np.ndarray, scale: int) -> None:
    assert np.array_equal(bicubic_image(lr, scale), in_fractions(lr, Fraction(scale)))


def test_lr_is_the_degradation_of_training_up_to_its_last_bits() -> None:
    hr = crop_to_multiple(find_dataset("photos-test").load(0), 4)
    trained = to_uint8(degrade(to_tensor(hr), 4)).astype(int)
    steps = np.abs(lr_image(hr, 4).astype(int) - trained)
    assert steps.max() <= 1
    assert (steps > 0).mean() < 1e-3


@pytest.mark.parametrize("noise", [-1e-12, 0.0, 1e-12])
def test_the_last_bits_decide_no_tie(noise: float) -> None:
    levels = torch.tensor([0.5, 1.5, 2.5, 254.5, 7.49, 7.51], dtype=torch.float64) + noise
    image = to_uint8((levels / 255).expand(3, 1, -1))
    assert image[0, :, 0].tolist() == [0, 2, 2, 254, 7, 8]


def test_the_hash_is_of_the_pixels_and_their_shape() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    expected = hashlib.sha256(b"2x4:" + bytes(range(24))).hexdigest()
    assert pixels_sha256(image) == expected
    assert pixels_sha256(np.asfortranarray(image)) == expected
    assert pixels_sha256(image.reshape(4, 2, 3)) != expected
    with pytest.raises(ImageError, match="uint8 image"):
        pixels_sha256(image.astype(np.float32))
