"""Bicubic x4 of the classic test sets, scored as the field has scored it for a decade."""

from __future__ import annotations

import functools

import pytest

from srbench.imaging import crop_to_multiple, degrade, read_image, to_tensor, to_uint8, upscale
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import score_images


def bicubic(file):
    hr = crop_to_multiple(read_image(file), 4)
    return to_uint8(upscale(degrade(to_tensor(hr), 4), 4))


# DESIGN section 8; published: 28.43, 26.00 (before a corrected HR image), 25.96.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "psnr", "ssim"),
    [("Set5", 28.43, 0.8103), ("Set14", 26.09, 0.7043), ("BSD100", 25.96, 0.6674)],
)
def test_bicubic(name, psnr, ssim, test_set, specs):
    files = sorted(test_set(name).glob("*.png"))
    pairs = [ImagePair(name=f.name, sr=functools.partial(bicubic, f), hr=f) for f in files]
    scores = score_images(
        pairs, [specs["psnr"], specs["ssim"]], protocol="y4-v2", scale=4, workers=2
    )
    means = {metric: sum(values.values()) / len(files) for metric, values in scores.items()}
    assert means["psnr"] == pytest.approx(psnr, abs=0.02)
    assert means["ssim"] == pytest.approx(ssim, abs=0.0005)


@pytest.mark.slow
@pytest.mark.network
def test_perceptual_metrics_prefer_hr(test_set, specs):
    files = sorted(test_set("Set14").glob("*.png"))[:3]
    pairs = [ImagePair(name=f.name, sr=functools.partial(bicubic, f), hr=f) for f in files]
    truth = [ImagePair(name=f.name, sr=f, hr=f) for f in files]
    chosen = [specs["lpips"], specs["niqe"]]
    low = score_images(pairs, chosen, protocol="y4-v2", scale=4, workers=2)
    high = score_images(truth, chosen, protocol="y4-v2", scale=4, workers=2)
    for file in files:
        assert high["lpips"][file.name] == 0.0 < 0.2 < low["lpips"][file.name]
        assert high["niqe"][file.name] + 1 < low["niqe"][file.name]
