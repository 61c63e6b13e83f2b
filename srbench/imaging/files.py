"""Image files in and out: 8-bit RGB ``(H, W, 3)``, one rule for every other kind of file.

================================  ==============================================================
what the file holds               what srbench does
================================  ==============================================================
8-bit RGB                         taken as it is
grey, 1 or 8 bit                  the same value in all three channels
palette                           looked up
YCbCr (JPEG, TIFF), CMYK          converted as Pillow and torchvision do, profiles ignored
alpha or a transparent colour     dropped if every pixel is opaque, else refused: the benchmark
                                  must not choose a background
more than 8 bit per channel       refused: rounding it is the owner's decision
more than one frame               refused, except phone JPEGs (MPO), whose first frame is the photo
orientation in the EXIF data      applied, except for PNG, where hardly any program looks for it
a JPEG that claims more than it   refused: its decoder would fill the rest with grey
holds
run lengths in BMP, old-style     refused: decoders make different pixels of them
JPEG in TIFF
================================  ==============================================================
"""

from __future__ import annotations

import io
import os
import re
import stat
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps

from srbench.errors import ImageError
from srbench.files import replacing
from srbench.imaging.pillow import strict_pillow
from srbench.imaging.pixels import Image, check_image
from srbench.imaging.tensors import (
    crop_to_multiple,
    quantize,
    to_tensor,
    to_uint8,
)

__all__ = [
    "MAX_PIXELS",
    "crop_to_multiple",
    "decode_image",
    "image_size",
    "quantize",
    "read_image",
    "to_tensor",
    "to_uint8",
    "write_image",
]

# A closed list: plain decoders only. Pillow's EPS support, for one, starts Ghostscript.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "PPM", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000")

MAX_PIXELS = 2**29
"""Larger images are refused before decoding: a small file can claim any size. 1.6 GB as RGB."""

# Images of more than this must be files of a byte for every 400 pixels, as flat ones are in PNG.
_SMALL_PIXELS = 2**26
_LOOSE = {"BMP": (1, 2), "DIB": (1, 2), "TIFF": ("tiff_jpeg",)}
_EXIF_ORIENTATION = 0x0112
_PLAIN_MODES = ("RGB", "L", "1", "P", "CMYK", "YCbCr")
_ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")


def read_image(path: str | os.PathLike[str]) -> Image:
    """The image in a file as uint8 RGB ``(H, W, 3)``.

    Raises:
        ImageError: it cannot be read, is no image, is damaged or truncated, is too large, or is of
            a kind that the table above refuses. The message names the file.
    """
    try:
        with Path(path).open("rb") as stream:
            # A device or a pipe has no end, or none that comes soon.
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ImageError(f"expected an image file, got {path}, which is no regular file")
            data = stream.read()
    except OSError as error:
        raise ImageError(f"expected a readable image file, got {path}: {error.strerror}") from error
    return decode_image(data, path)


def decode_image(data: bytes, source: str | os.PathLike[str]) -> Image:
    """The image in the bytes of a file, as :func:`read_image`; ``source`` is for messages."""
    with strict_pillow, _open(data, source) as file:
        _refuse_deep(file, data, source)
        try:
            file.load()
            _refuse_filled(file, data, source)
            turned = _orientation(file) != 1
            rgb = _to_rgb(PIL.ImageOps.exif_transpose(file) if turned else file, source)
        except ImageError:
            raise
        except Exception as error:  # damaged files make the decoders raise nearly anything
            raise _not_an_image(source, error) from error
        return np.array(rgb, dtype=np.uint8)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width in pixels, from the file's header alone.

    Raises:
        ImageError: as :func:`read_image`, as far as the header shows it.
    """
    try:
        with Path(path).open("rb") as stream, strict_pillow, _open(stream, path) as file:
            return _upright_size(file, path)
    except OSError as error:
        raise ImageError(f"expected a readable image file, got {path}: {error.strerror}") from error


def write_image(path: str | os.PathLike[str], image: Image) -> None:
    """Write uint8 RGB ``(H, W, 3)`` as a PNG, atomically; folders are made where needed.

    Raises:
        ImageError: another type or shape, or a name that does not end in ``.png``.
    """
    check_image(image)
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ImageError(f"expected a file name that ends in .png, got {path.name}")
    with replacing(path, sync=False) as file:
        # Level 4 of zlib: as small as its default, 6, to half a percent, in 56 % of the time.
        PIL.Image.fromarray(np.ascontiguousarray(image)).save(file, format="PNG", compress_level=4)


def _open(
    data: bytes | io.BufferedReader, source: str | os.PathLike[str]
) -> PIL.ImageFile.ImageFile:
    """The file's header, checked for size and frames; no pixel is decoded yet."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    try:
        file = PIL.Image.open(stream, formats=_FORMATS)
        pixels = file.width * file.height
        if pixels > MAX_PIXELS or pixels > max(_SMALL_PIXELS, 400 * size):
            raise _too_large(source, f"{file.height} x {file.width} from {size} bytes")
        frames = getattr(file, "n_frames", 1)
        if file.info.get("compression") in _LOOSE.get(str(file.format), ()):
            raise ImageError(
                f"expected pixels that all decoders agree on, got {source}, whose "
                "compression they read differently",
                "convert it to PNG",
            )
    except ImageError:
        raise
    except Exception as error:  # damaged headers make the decoders raise nearly anything
        raise _not_an_image(source, error) from error
    if frames > 1 and file.format != "MPO":
        raise ImageError(f"expected one image per file, got {frames} frames in {source}")
    return file


def _to_rgb(file: PIL.Image.Image, source: str | os.PathLike[str]) -> PIL.Image.Image:
    if file.mode in _ALPHA_MODES or "transparency" in file.info:
        rgba = file.convert("RGBA")
        if np.asarray(rgba)[..., 3].min() < 255:
            raise ImageError(
                f"expected an opaque image, got transparent pixels in {source}",
                "put it on a background of your choice, or remove its alpha channel",
            )
        return rgba.convert("RGB")
    if file.mode not in _PLAIN_MODES:
        raise ImageError(
            f"expected an RGB, grey, palette, YCbCr or CMYK image, got mode {file.mode} in {source}"
        )
    return file if file.mode == "RGB" else file.convert("RGB")


def _orientation(file: PIL.ImageFile.ImageFile) -> int:
    """1 (upright) to 8. Pillow turns TIFF itself, and decodes a whole PNG to look for EXIF."""
    return 1 if file.format in ("PNG", "TIFF") else int(file.getexif().get(_EXIF_ORIENTATION, 1))


def _upright_size(file: PIL.ImageFile.ImageFile, source: str | os.PathLike[str]) -> tuple[int, int]:
    try:
        on_its_side = _orientation(file) in (5, 6, 7, 8)
    except Exception as error:  # damaged EXIF data, as for pixels
        raise _not_an_image(source, error) from error
    return (file.width, file.height) if on_its_side else (file.height, file.width)


def _refuse_deep(
    file: PIL.ImageFile.ImageFile, data: bytes, source: str | os.PathLike[str]
) -> None:
    """Pillow halves 16-bit RGB in silence; only what its decoder is told shows the file's depth."""
    deep = file.mode.startswith(("I", "F"))
    if file.format == "JPEG2000":  # the depths of the components in its SIZ segment, less one
        siz = data[data.find(b"\xff\x4f\xff\x51") :]
        deep |= any(depth & 0x7F > 7 for depth in siz[42 : 42 + 3 * int.from_bytes(siz[40:42]) : 3])
    if file.format == "AVIF":  # high_bitdepth in the AV1 configuration
        deep |= any(found[1][2] & 0x40 for found in re.finditer(b"av1C(...)", data, re.DOTALL))
    for tile in file.tile:
        args = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        raw_mode = str(args[0])  # for example "RGB;16B"; BMP's "BGR;16" is 5 + 6 + 5 bits
        deep |= re.search(r"^(?!BGR;).*;(12|16|32|64)", raw_mode) is not None
        deep |= tile[0].startswith("ppm") and len(args) > 1 and int(args[1]) > 255
    if deep:
        raise ImageError(
            f"expected 8 bits per channel, got more in {source}",
            "convert it to 8 bits first, with the rounding that you want",
        )


# Entropy-coded data without a marker, long and uneven enough to change the pixels it codes for.
_NOISE = bytes(range(1, 200)) * 4
_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")


def _refuse_filled(
    file: PIL.ImageFile.ImageFile, data: bytes, source: str | os.PathLike[str]
) -> None:
    """A JPEG with less data than its header claims decodes to grey from there on, without a word.

    Where its last pixel is such a grey it is decoded again, with more data at the end of each scan:
    only a decoder that had run out of data makes use of it.
    """
    if file.format not in ("JPEG", "MPO"):
        return
    last = file.getpixel((file.width - 1, file.height - 1))
    if file.mode == "RGB":
        red, green, blue = last  # type: ignore[misc]
        last = (299 * red + 587 * green + 114 * blue) // 1000
    if isinstance(last, int) and not 126 <= last <= 129:
        return
    with PIL.Image.open(io.BytesIO(_with_noise(data)), formats=("JPEG",)) as again:
        if again.tobytes() != file.tobytes():
            raise ImageError(
                f"expected a whole image, got {source}, which holds less than its header claims",
                "replace or remove the file",
            )


def _with_noise(jpeg: bytes) -> bytes:
    """With more data after each scan, and eight more segments in case it has restart markers."""
    parts: list[bytes] = []
    start, at = 0, 2
    while at + 4 <= len(jpeg) and jpeg[at + 1] != 0xD9:
        marker, end = jpeg[at + 1], at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if jpeg[at] != 0xFF or marker == 0xFF:
            end = at + 1
        elif marker == 0xDA:
            found = _END_OF_SCAN.search(jpeg, end)
            end = found.start() if found else len(jpeg)
            restarts = re.findall(rb"\xff([\xd0-\xd7])", jpeg[at:end])
            last = restarts[-1][0] if restarts else 0xD7
            segments = (b"\xff%c" % (0xD0 + (last + n) % 8) for n in range(1, 9))
            parts += [jpeg[start:end], _NOISE, *(mark + _NOISE for mark in segments)]
            start = end
        at = end
    return b"".join([*parts, jpeg[start:]])


def _not_an_image(source: str | os.PathLike[str], error: Exception) -> ImageError:
    return ImageError(
        f"expected an image, got {source}, which is damaged or no image ({error})",
        "replace or remove the file; readable are " + ", ".join(_FORMATS),
    )


def _too_large(source: str | os.PathLike[str], size: str) -> ImageError:
    return ImageError(
        f"expected at most {MAX_PIXELS:,} pixels, got {size}, {source}", "cut it into parts"
    )
