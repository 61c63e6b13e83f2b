import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from srbench.errors import ImageError
from srbench.imaging import crop_to_multiple, quantize, to_tensor, to_uint8

images = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
    elements=st.integers(0, 255),
)


@settings(deadline=None)
@given(images)
def test_uint8_survives_the_round_trip(image):
    tensor = to_tensor(image)
    assert tensor.shape == (1, 3, *image.shape[:2])
    assert np.array_equal(to_uint8(tensor), image)
    assert torch.equal(quantize(tensor), tensor)


@settings(deadline=None)
@given(hnp.arrays(np.float32, (3, 4, 5), elements=st.floats(-2, 3, width=32)))
def test_to_uint8_clamps_and_rounds_like_numpy(values):
    expected = np.rint(np.clip(values, 0, 1) * np.float32(255)).astype(np.uint8)
    image = to_uint8(torch.from_numpy(values))
    assert np.array_equal(image, expected.transpose(1, 2, 0))
    assert torch.equal(to_tensor(image)[0], quantize(torch.from_numpy(values)))


def test_to_tensor_accepts_read_only_views():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    image.flags.writeable = False
    tensor = to_tensor(image[::-1])
    assert tensor[0, 1, 0, 2].item() == pytest.approx(image[3, 2, 1] / 255)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(bad):
    image = torch.zeros(3, 4, 4)
    image[0, 0, 0] = bad
    with pytest.raises(ImageError, match="finite"):
        to_uint8(image)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (4, 4, 3), (1, 4, 4)])
def test_to_uint8_takes_one_image(shape):
    with pytest.raises(ImageError, match="one float image"):
        to_uint8(torch.zeros(shape))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
def test_crop_keeps_the_top_left(height, width, scale):
    hr = np.arange(height * width * 3).astype(np.uint8).reshape(height, width, 3)
    if min(height, width) < scale:
        with pytest.raises(ImageError, match=f"at least {scale} x {scale} px"):
            crop_to_multiple(hr, scale)
        return
    cropped = crop_to_multiple(hr, scale)
    assert cropped.shape[0] % scale == cropped.shape[1] % scale == 0
    assert height - cropped.shape[0] < scale
    assert width - cropped.shape[1] < scale
    assert np.array_equal(cropped, hr[: cropped.shape[0], : cropped.shape[1]])
