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
KNOWN = {
    "bicubic": "6512381450d876f7af144500f20072ddc50909e394e42467031f1e91165f633c",
    "16d07386f124": "236fd2652f47259d0c4836be0b7c3bbd363d7781137fa0f4d855d990214307a0",
    "1c8a04f4e907": "faf483dae6c350f382a90001bfa715338bf0178f7a5241c8179ce487c648235f",
    "21cf568bc55b": "017d68ad4a6cb84db1cf90eff3eb0927cdc548e488bfe64b20f9a3f2711010de",
    "23b82df3486c": "0b0e222443b043a0ae00e3a89196d59a2643aca10fe36c8f7ce7ea191402ed4f",
}


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
