"""What another processor's rounding explains, and what it does not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.data import find_dataset
from srbench.errors import ImageError
from srbench.imaging import degrade, to_tensor, to_uint8, upscale
from srbench.metrics.plugin import METRICS
from srbench.metrics.score import ImagePair, Scorer
from srbench.records import MetricScores
from srbench.verify.difference import Difference
from srbench.verify.roundings import CLOSE, DRAWS, explains, roundings
from srbench.verify.rows import _means_agree


def grey(levels: list[float]) -> torch.Tensor:
    """SR of one pixel row, its three channels alike, in grey levels."""
    return (torch.tensor(levels).double() / 255).float().expand(1, 3, 1, -1)


def test_only_values_half_way_go_either_way() -> None:
    images = list(roundings(grey([7.0, 7.5, 7.5 + 3 * CLOSE, 7.5 - 3 * CLOSE, 0.5, 254.5]), "a"))
    assert len(images) == DRAWS
    seen = [{int(image[0, x, c]) for image in images for c in range(3)} for x in range(6)]
    assert seen == [{7}, {7, 8}, {8}, {7}, {0, 1}, {254, 255}]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-0.5, 1.5), st.floats(0.0, 1.0))
def test_every_draw_is_a_rounding_of_the_image(seed: int, middle: float, spread: float) -> None:
    values = middle + spread * torch.randn(
        (1, 3, 9, 7), generator=torch.Generator().manual_seed(seed)
    )
    exact = values[0].clamp(0, 1).double().permute(1, 2, 0).numpy() * 255
    for image in roundings(values, "a"):
        assert image.dtype == np.uint8
        assert np.abs(image - exact).max() <= 0.5 + CLOSE


def test_the_draws_depend_on_the_name_alone() -> None:
    sr = grey([i + 0.5 for i in range(40)])
    first, again, other = (np.stack(list(roundings(sr, name))) for name in "aab")
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ImageError, match="finite"):
        next(roundings(grey([1.0, float("nan")]), "a"))


@pytest.fixture(scope="module")
def niqe() -> Scorer:
    (spec,) = (spec for spec in METRICS if spec.name == "niqe")
    return Scorer([spec], protocol="y4-v1", scale=4)


@pytest.fixture(scope="module")
def sr() -> torch.Tensor:
    """Bicubic SR of a photograph, under a grid, many of its values half way."""
    hr = find_dataset("photos-test").load(1)[:192, :288]
    large = upscale(degrade(to_tensor(hr), 4), 4)
    large[..., ::4, :] += 0.02
    close = torch.rand(large.shape, generator=torch.Generator().manual_seed(1)) < 0.005
    return torch.where(close, ((large * 255).floor() + 0.5) / 255, large)


def found(stated: float, recomputed: float) -> Difference:
    return Difference(
        what="score", message="", metric="niqe", image="a", stated=stated, recomputed=recomputed
    )


def test_the_score_of_another_rounding_is_explained_and_more_is_not(
    niqe: Scorer, sr: torch.Tensor
) -> None:
    images = list(roundings(sr, "a"))
    theirs = next(roundings(sr, "another machine"))
    pairs = [ImagePair(name="here", sr=to_uint8(sr), hr=None),
             ImagePair(name="there", sr=theirs, hr=None)]  # fmt: skip
    scores = niqe.score(pairs)["niqe"]
    here, there = scores["here"], scores["there"]
    assert here != there
    assert explains(images, found(there, here), niqe)
    assert not explains(images, found(there + 0.3, here), niqe)
    assert not explains(images, found(here - 0.3, here), niqe)
    assert not explains([], found(there, here), niqe)


@pytest.mark.parametrize(("shift", "agree"), [(0.009, True), (-0.009, True), (0.011, False)])
def test_what_pushes_the_mean_to_one_side_is_no_rounding(shift: float, agree: bool) -> None:
    scores = {"a": 5.0, "b": 6.0}
    stated = MetricScores(
        version=1,
        lower_is_better=True,
        mean=5.5 + shift,
        per_image={"a": 5.0 + 2 * shift, "b": 6.0},
    )
    assert _means_agree("niqe", stated, scores) is agree
    assert not _means_agree("niqe", None, scores)
    assert not _means_agree("niqe", stated, {})


def test_an_image_without_close_values_explains_nothing(niqe: Scorer, sr: torch.Tensor) -> None:
    plain = to_tensor(to_uint8(sr))
    images = list(roundings(plain, "a"))
    (here,) = niqe.score([ImagePair(name="a", sr=images[0], hr=None)])["niqe"].values()
    assert not explains(images, found(here + 0.011, here), niqe)
