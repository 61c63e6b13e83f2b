"""Submitted images: which are read at all, and whether they are those made here."""

from __future__ import annotations

import struct
import warnings
from typing import Final

import numpy as np
import PIL.Image

from srbench.errors import ImageError, SubmissionError
from srbench.imaging import Image, decode_image

NEAR_HR_DB: Final = 50.0
"""PSNR over RGB above which an image counts as HR passed off as SR (a mean squared error of 0.65
grey levels). Smooth images that plain bicubic brings that close are left alone."""

_IHDR: Final = struct.Struct(">8xI4sIIBBBBB")
_EIGHT_BIT_RGB: Final = (8, 2)


def read_submitted(name: str, data: bytes, shape: tuple[int, int]) -> Image:
    """A submitted PNG as uint8 RGB, if it is exactly that and of this (height, width).

    The header is read before any decoder sees the file; Pillow's warning of a decompression bomb
    is an error here.

    Raises:
        SubmissionError: another size, depth or kind of file, or a damaged one.
    """
    try:
        _, chunk, width, height, *form = _IHDR.unpack_from(data)
    except struct.error as error:
        raise SubmissionError(f"{name!r:.120} is no PNG: it is too short") from error
    if chunk != b"IHDR":
        raise SubmissionError(f"{name!r:.120} is no PNG: its header is missing")
    if (height, width) != shape or tuple(form[:2]) != _EIGHT_BIT_RGB:
        raise SubmissionError(
            f"expected {name!r:.120} as 8-bit RGB of {shape[0]} x {shape[1]}, it claims "
            f"{height} x {width}, {form[0]} bit, colour type {form[1]}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            image = decode_image(data, name)
    except ImageError as error:
        raise SubmissionError(error.what, error.fix) from error
    if image.shape[:2] != shape:
        raise SubmissionError(f"{name!r:.120} is of another size than it claims")
    return image


def explain_other(submitted: Image, made: Image, hr: Image) -> str | None:
    """How a submitted image differs from the one made here; ``None`` where it is that one."""
    if np.array_equal(submitted, made):
        return None
    if np.array_equal(submitted, hr):
        return "it is the HR image, not what the generator makes of LR"
    return f"it is not what the generator makes: {(submitted != made).mean():.1%} of its values"


def is_near_hr(sr: Image, hr: Image, bicubic: Image) -> bool:
    """Whether ``sr`` is HR itself, or nearer to it than super-resolution comes."""
    return psnr_rgb(sr, hr) > NEAR_HR_DB >= psnr_rgb(bicubic, hr)


def psnr_rgb(image: Image, hr: Image) -> float:
    """PSNR over all pixels and channels of 8-bit images, dB; infinite for equal ones."""
    error = float(np.square(image.astype(np.float64) - hr.astype(np.float64)).mean())
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))
