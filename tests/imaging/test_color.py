import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr

from srbench.errors import ImageError
from srbench.imaging import rgb_to_y


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31 - 1))
def test_equals_scikit_image(seed):
    rgb = np.random.default_rng(seed).random((2, 5, 7, 3))
    expected = rgb2ycbcr(rgb)[..., 0] / 255
    y = rgb_to_y(torch.from_numpy(rgb).permute(0, 3, 1, 2))
    torch.testing.assert_close(y[:, 0], torch.from_numpy(expected), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("color", "luma"),
    [((0, 0, 0), 16), ((1, 1, 1), 235), ((1, 0, 0), 81.481), ((0, 1, 0), 144.553)],
)
def test_known_colors_in_studio_range(color, luma):
    rgb = torch.tensor(color, dtype=torch.float32).view(1, 3, 1, 1)
    assert rgb_to_y(rgb).item() * 255 == pytest.approx(luma, abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 1, 4, 4), (1, 4, 4, 3)])
def test_refuses_other_shapes(shape):
    with pytest.raises(ImageError, match="expected RGB images"):
        rgb_to_y(torch.zeros(shape))
