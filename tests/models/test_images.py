"""Images of generators: the same bytes whatever the tiles, the threads and the form of the sums."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tf32
import torch
import torch.nn.functional as F
from torch import nn

from srbench.data import find_dataset
from srbench.errors import ImageError
from srbench.imaging import Image, lr_image, to_tensor, to_uint8
from srbench.models.convolution import TapConvolutions, convolve
from srbench.models.files import TrainedGenerator
from srbench.models.images import published, upscale_image
from srbench.models.plugin import builtin_generator


@pytest.fixture(scope="module")
def lr() -> Image:
    return lr_image(find_dataset("photos-test").load(1)[:160, :240], 4)


@pytest.fixture(params=["msrresnet", "srresnet"])
def trained(request: pytest.FixtureRequest) -> TrainedGenerator:
    generator = builtin_generator(request.param, {"blocks": 2, "channels": 8}, 4)
    return TrainedGenerator(network=generator.build(seed=1).eval(), generator=generator)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (9, 9), (3, 5)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (4, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_convolutions_are_pytorchs(
    kernel: tuple[int, int], padding: tuple[int, int], bias: bool
) -> None:
    draw = torch.Generator().manual_seed(3)
    image = torch.randn((1, 5, 17, 130), dtype=torch.float64, generator=draw)
    weight = torch.randn((6, 5, *kernel), dtype=torch.float64, generator=draw)
    offset = torch.randn(6, dtype=torch.float64, generator=draw) if bias else None
    expected = F.conv2d(image, weight, offset, padding=padding)
    found = convolve(image, weight, offset, padding)
    assert found.is_contiguous()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, stride=2, padding=1),
        nn.Conv2d(4, 4, 3, dilation=2, padding=2),
        nn.Conv2d(4, 4, 3, groups=2, padding=1),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 3, padding=1),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.no_grad()
def test_every_kind_of_convolution_keeps_its_meaning(layer: nn.Conv2d, dtype: torch.dtype) -> None:
    layer = layer.to(dtype)
    image = torch.randn((1, 4, 12, 15), dtype=dtype, generator=torch.Generator().manual_seed(5))
    with TapConvolutions():
        found = layer(image)
    torch.testing.assert_close(found, layer(image), rtol=0, atol=1e-6)
    if dtype == torch.float32:
        assert torch.equal(found, layer(image))


@torch.no_grad()
def test_a_published_image_is_that_of_float64(trained: TrainedGenerator, lr: Image) -> None:
    image = published(trained)(lr)
    assert np.array_equal(image, to_uint8(trained.network(to_tensor(lr, torch.float64))))


def test_tf32_moves_float32_images_and_no_published_one(
    trained: TrainedGenerator, lr: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = upscale_image(trained, lr)
    with monkeypatch.context() as gpu:
        gpu.setattr(nn.Conv2d, "_conv_forward", tf32.conv_forward)
        assert (upscale_image(trained, lr) != plain).mean() > 0.002
        there = published(trained)(lr)
    assert np.array_equal(there, published(trained)(lr))


@torch.no_grad()
def test_a_float32_image_is_within_a_level_of_it(trained: TrainedGenerator, lr: Image) -> None:
    plain = upscale_image(trained, lr).astype(int)
    steps = np.abs(published(trained)(lr).astype(int) - plain)
    assert steps.max() <= 1
    assert (steps > 0).mean() < 1e-3


@pytest.mark.parametrize("tile", [7, 16, 29])
def test_tiles_leave_no_seam(trained: TrainedGenerator, lr: Image, tile: int) -> None:
    whole = published(trained)(lr)
    assert np.array_equal(upscale_image(trained, lr, tile=tile), whole)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_threads_change_no_byte(trained: TrainedGenerator, lr: Image) -> None:
    make = published(trained)
    torch.set_num_threads(1)
    one = make(lr)
    torch.set_num_threads(2)
    assert np.array_equal(make(lr), one)
    with ThreadPoolExecutor(2) as pool:
        assert all(np.array_equal(image, one) for image in pool.map(make, [lr, lr]))


def test_weights_that_make_no_image(trained: TrainedGenerator, lr: Image) -> None:
    next(trained.network.parameters()).data.fill_(float("nan"))
    with pytest.raises(ImageError, match="finite"):
        published(trained)(lr)
