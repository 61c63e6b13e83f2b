"""8-bit images as arrays, RGB ``(H, W, 3)``, and the hash that names them. No torch."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from srbench.errors import ImageError

Image = npt.NDArray[np.uint8]


def check_image(image: Image) -> None:
    """Raise :class:`ImageError` unless ``image`` is a uint8 array ``(H, W, 3)`` with pixels."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ImageError(
            f"expected a uint8 image (H, W, 3), got {image.dtype} {tuple(image.shape)}"
        )


def pixels_sha256(image: Image) -> str:
    """sha256 of an image's size and pixels, whatever file they are stored in."""
    check_image(image)
    digest = hashlib.sha256(f"{image.shape[0]}x{image.shape[1]}:".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()
