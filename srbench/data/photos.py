"""``photos`` and ``photos-test``: the photographs inside the scikit-image package.

They make a benchmark run possible with nothing but srbench installed: a demonstration, not
evidence. Taken are the photographs that the package itself carries, through whatever lens; left
out are its drawings, charts, scans of text, blurred pictures, and images of less than 300 px. The
test part has three photographs in colour with skin, fur, wood and cloth; the training part has the
rest, the two pictures of one motorcycle among them, so that they are never on both sides.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from srbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class PhotoSet:
    """One side of the split: its files and the sha256 that each must have."""

    summary: str
    sha256: dict[str, str]


STEREO_PAIR = ("motorcycle_left", "motorcycle_right")
"""Two views of one scene: see ``scenes`` of :class:`srbench.data.dataset.Dataset`."""

PHOTOS = {
    "photos": PhotoSet(
        summary="12 training photographs, 6 of them grey, from the installed scikit-image",
        sha256={
            "brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
            "camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
            "coins.png": "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
            "grass.png": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
            "gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
            "hubble_deep_field.jpg": (
                "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4"
            ),
            "ihc.png": "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
            "moon.png": "78739619d11f7eb9c165bb5d2efd4772cee557812ec847532dbb1d92ef71f577",
            "motorcycle_left.png": (
                "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179"
            ),
            "motorcycle_right.png": (
                "5fc913ae870e42a4b662314bc904d1786bcad8e2f0b9b67dba5a229406357797"
            ),
            "retina.jpg": "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
            "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        },
    ),
    "photos-test": PhotoSet(
        summary="3 test photographs in colour from the installed scikit-image",
        sha256={
            "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
            "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
            "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        },
    ),
}


@cache
def photo_files(name: str) -> tuple[Path, ...]:
    """Paths of one side of the split, inside the installed package; nothing is downloaded.

    Raises:
        DataError: scikit-image is not installed, or its photographs are not those that the split
            was made for.
    """
    # Found without importing it, and not through skimage.data, whose loaders may download.
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"expected the photographs of {name!r} inside scikit-image, which is not installed",
            "pip install scikit-image",
        )
    folder = Path(spec.submodule_search_locations[0], "data")
    return tuple(_checked(folder / file, digest) for file, digest in PHOTOS[name].sha256.items())


def _checked(file: Path, digest: str) -> Path:
    found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    if found != digest:
        state = "no such file" if found is None else f"sha256 {found[:12]}..."
        raise DataError(
            f"expected the photograph {file.name} of the installed scikit-image with sha256 "
            f"{digest[:12]}..., got {state} in {file.parent}",
            "pip install --force-reinstall scikit-image==0.26.0",
        )
    return file
