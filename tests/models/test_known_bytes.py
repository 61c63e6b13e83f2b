"""Published images are these bytes, on this machine and on any other (see ``make portable``).

Of generators of the published study, so that no random number generator comes in.
"""

from pathlib import Path

import pytest

from srbench.data import find_dataset
from srbench.imaging import bicubic_image, crop_to_multiple, lr_image, pixels_sha256
from srbench.models.files import load_generator
from srbench.models.images import published

GENERATORS = Path(__file__).parents[2] / "leaderboard" / "generators"
KNOWN = {}


def images(name: str) -> str:
    """One hash over the images that a generator makes of three photographs."""
    from hashlib import sha256

    dataset = find_dataset("photos-test")
    if name == "bicubic":
        upscale = lambda lr: bicubic_image(lr, 4)  # noqa: E731
    else:
        (file,) = GENERATORS.glob(f"{name}*.safetensors")
        upscale = published(load_generator(file))
    found = sha256()
    for index in range(len(dataset)):
        hr = crop_to_multiple(dataset.load(index)[:192, :256], 4)
        found.update(pixels_sha256(upscale(lr_image(hr, 4))).encode())
    return found.hexdigest()


@pytest.mark.parametrize("name", KNOWN)
def test_the_bytes_are_those_of_every_machine(name: str) -> None:
    assert images(name) == KNOWN[name]
