"""Shift-tolerant LPIPS with its real weights: what its paper claims, and a closed form."""

from __future__ import annotations

import doctest

import pytest
import torch
from srbench_iqa import weights
from srbench_iqa.plugin import srbench_losses
from srbench_iqa.stlpips import MIN_SIZE, BlurPool
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.errors import UserError
from srbench.weights import tensors_sha256

SPECS = {spec.name: spec for spec in srbench_losses()}
NAMES = ("stlpips-alexnet", "stlpips-vgg16")


def build(name, store):
    return SPECS[name].build(BuildContext(weights=store), None)


@pytest.fixture(scope="module")
def photo():
    """A photograph of 3 x 200 x 200 in [0, 1]."""
    from skimage import data

    image = torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None] / 255
    return image[..., 40:240, 120:320]


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_are_the_pinned_ones_and_know_no_imagenet(name, store):
    (file,) = SPECS[name].weights
    state = store.state_dict(file.id)
    assert tensors_sha256(state) == file.tensors_sha256
    imagenet = store.state_dict(f"{name.removeprefix('stlpips-')}-imagenet")
    first = torch.stack(
        [state["features.0.weight"].flatten(), imagenet["features.0.weight"].flatten()]
    )
    assert torch.corrcoef(first)[0, 1].abs() < 0.1


def test_the_filter_blurs_and_keeps_every_second_position(store):
    state = store.state_dict("stlpips-vgg16")
    binomial = torch.tensor([1.0, 2.0, 1.0]) / 4
    pool = BlurPool(64)
    pool.load_state_dict({"filt": state["features.5.filt"]})
    features = torch.rand(1, 64, 9, 10)
    once = F.conv2d(
        F.pad(features, (2, 2, 2, 2), mode="reflect").transpose(0, 1),
        (binomial[:, None] * binomial)[None, None],
    ).transpose(0, 1)
    torch.testing.assert_close(pool(features), once[..., ::2, ::2])


@pytest.mark.parametrize("name", NAMES)
def test_more_distortion_costs_more(name, store, photo):
    loss = build(name, store)
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(3))
    small = F.interpolate(photo, scale_factor=0.5, mode="bicubic", antialias=True)
    with torch.no_grad():
        noisy = [
            float(loss((photo + s * noise).clamp(0, 1), photo)) for s in (0.02, 0.05, 0.1, 0.2)
        ]
        soft = float(loss(F.interpolate(small, size=200, mode="bicubic").clamp(0, 1), photo))
        smaller = F.interpolate(photo, scale_factor=0.25, mode="bicubic", antialias=True)
        softer = float(loss(F.interpolate(smaller, size=200, mode="bicubic").clamp(0, 1), photo))
        assert loss(photo, photo) == 0
    assert noisy == sorted(noisy)
    assert 0 < soft < softer


@pytest.mark.parametrize(("name", "plain"), [(NAMES[0], "lpips"), (NAMES[1], "lpips-vgg")])
def test_a_shift_of_one_pixel_costs_less_of_a_blur_than_with_plain_lpips(name, plain, store, photo):
    """Its reason to be: against the cost of a visible blur, that of an unseen shift is smaller."""
    image, shifted = photo[..., :-1], photo[..., 1:]
    small = F.interpolate(image, scale_factor=0.5, mode="bicubic", antialias=True)
    blurred = F.interpolate(small, size=image.shape[-2:], mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        shares = {
            n: float(f(shifted, image) / f(blurred, image))
            for n in (name, plain)
            for f in (build(n, store),)
        }
    assert shares[name] < 0.7 * shares[plain]


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_is_too_small(name, store):
    loss, side = build(name, store), MIN_SIZE[name.removeprefix("stlpips-")]
    assert SPECS[name].min_size == side
    assert torch.isfinite(loss(torch.rand(1, 3, side, side), torch.rand(1, 3, side, side)))
    with pytest.raises(UserError, match=f"at least {side} x {side}"):
        loss(torch.rand(1, 3, side - 1, 40), torch.rand(1, 3, side - 1, 40))


def test_examples_in_the_documentation():
    result = doctest.testmod(weights)
    assert result.attempted == 1
    assert result.failed == 0
