"""Network interpolation: arithmetic, errors, and the published generators on the line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from srbench.errors import UserError
from srbench.models.interpolate import interpolate
from srbench.models.plugin import builtin_generator

LEADERBOARD = Path(__file__).resolve().parents[2] / "leaderboard"


@pytest.fixture
def two_networks():
    generator = builtin_generator("srresnet", {"blocks": 1, "channels": 4}, 4)
    return [generator.build(seed=s).state_dict() for s in (1, 2)]


def test_every_tensor_is_on_the_line(two_networks):
    start, end = two_networks
    for name, tensor in interpolate(start, end, 0.3).items():
        exact = 0.7 * start[name].numpy().astype(float) + 0.3 * end[name].numpy().astype(float)
        expected = exact.astype(np.float32) if tensor.is_floating_point() else end[name].numpy()
        assert tensor.dtype == end[name].dtype
        np.testing.assert_array_equal(tensor.numpy(), expected)


def test_the_end_is_the_generator_itself(two_networks):
    start, end = two_networks
    last = interpolate(start, end, 1.0)
    assert all(torch.equal(last[name], end[name]) for name in end)
    assert all(last[name].data_ptr() != end[name].data_ptr() for name in end)


def test_a_network_on_a_line_to_itself_does_not_move(two_networks):
    start, _ = two_networks
    same = interpolate(start, start, 0.1)
    assert all(torch.equal(same[name], start[name]) for name in start)


@pytest.mark.parametrize("coefficient", [0.0, -0.5, 1.01, float("nan")])
def test_coefficients_off_the_line_are_errors(coefficient, two_networks):
    with pytest.raises(UserError, match="above 0 and at most 1"):
        interpolate(*two_networks, coefficient)


def test_two_architectures_are_an_error(two_networks):
    other = (
        builtin_generator("srresnet", {"blocks": 1, "channels": 5}, 4).build(seed=1).state_dict()
    )
    with pytest.raises(UserError, match="one architecture, got 'head"):
        interpolate(two_networks[0], other, 0.5)
    shorter = dict(list(two_networks[1].items())[:-1])
    with pytest.raises(UserError, match="and absent"):
        interpolate(two_networks[0], shorter, 0.5)


# Issue 15: seed 1 on every fifth image of bsdt100 by name.
FIGURES = {
    "warm-start": (1.0, 28.25, 0.3018),
    "vgg16-conv4_3": (0.75, 27.87, 0.2516),
    "vgg16-random": (0.75, 27.21, 0.2144),
    "vgg16-conv2_2": (0.75, 28.06, 0.2640),
    "hed-conv5_3": (0.75, 27.73, 0.2470),
}


def published(label):
    """The published generator of a label's first seed, of the study's version 1."""
    from srbench.models.files import load_generator

    for file in sorted((LEADERBOARD / "records").glob("*.json")):
        record = json.loads(file.read_text())
        if (record["loss"]["label"], record["seed"], record["suite"]["version"]) == (label, 1, 1):
            name = record["artifacts"]["generator"]["sha256"]
            return load_generator(LEADERBOARD / "generators" / f"{name}.safetensors").network
    raise AssertionError(f"no published generator of {label}")


@pytest.fixture(scope="module")
def twenty_images():
    from srbench.imaging import crop_to_multiple, degrade, read_image, to_tensor, to_uint8

    roots = [Path(r) for r in os.environ.get("SRBENCH_DATA", "").split(os.pathsep) if r]
    roots.append(LEADERBOARD.parents[1] / "shared" / "data")
    folder = next((root / "bsdt100" for root in roots if (root / "bsdt100").is_dir()), None)
    if folder is None:
        pytest.skip("test set bsdt100 is neither in SRBENCH_DATA nor in ../shared/data")
    hr = [crop_to_multiple(read_image(file), 4) for file in sorted(folder.iterdir())[::5]]
    return hr, [to_tensor(to_uint8(degrade(to_tensor(image), 4))) for image in hr]


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("label", FIGURES)
def test_the_published_generators_on_the_line_to_their_warm_start(label, twenty_images):
    from srbench.imaging import to_uint8
    from srbench.metrics.pairs import ImagePair
    from srbench.metrics.plugin import METRICS
    from srbench.metrics.score import score_images
    from srbench.weights import WeightStore

    coefficient, psnr, lpips = FIGURES[label]
    generator, warm_start = published(label), published("warm-start")
    line = interpolate(warm_start.state_dict(), generator.state_dict(), coefficient)
    generator.load_state_dict(line)
    with torch.inference_mode():
        sr = [to_uint8(generator(lr)) for lr in twenty_images[1]]
    pairs = [ImagePair(name=str(i), sr=sr[i], hr=hr) for i, hr in enumerate(twenty_images[0])]
    specs = [spec for spec in METRICS if spec.name in ("psnr", "lpips")]
    weights = WeightStore(file for spec in specs for file in spec.weights)
    scores = score_images(pairs, specs, protocol="y4-v2", scale=4, weights=weights)
    assert np.mean(list(scores["psnr"].values())) == pytest.approx(psnr, abs=0.01)
    assert np.mean(list(scores["lpips"].values())) == pytest.approx(lpips, abs=0.0005)
