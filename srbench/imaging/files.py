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
================================  ==============================================================
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps

from srbench.errors import DataError, ImageError
from srbench.files import replacing
from srbench.imaging.tensors import (
    Image,
    check_image,
    crop_to_multiple,
    quantize,
    to_tensor,
    to_uint8,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "crop_to_multiple",
    "decode_image",
    "image_size",
    "list_images",
    "quantize",
    "read_image",
    "to_tensor",
    "to_uint8",
    "write_image",
]

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""File names, in any case, that :func:`list_images` takes for images."""

MAX_PIXELS = 1024**3 // 12
"""Larger images are refused before decoding (a small file can claim any size); Pillow's limit."""

# Only decoders that are plain libraries; Pillow's EPS support, for one, starts Ghostscript.
_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP")
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
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"expected a readable image file, got {path}: {error.strerror}") from error
    return decode_image(data, path)


def decode_image(data: bytes, source: str | os.PathLike[str]) -> Image:
    """The image in the bytes of a file, as :func:`read_image`; ``source`` is for messages."""
    with _open(data, source) as file:
        _refuse_deep(file, source)
        try:
            file.load()
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
        with Path(path).open("rb") as stream, _open(stream, path) as file:
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
        PIL.Image.fromarray(np.ascontiguousarray(image)).save(file, format="PNG")


def list_images(folder: str | os.PathLike[str], *, recursive: bool = False) -> tuple[Path, ...]:
    """The image files in a folder by their suffix, in natural order: ``img_2`` before ``img_10``.

    Hidden files are left out.

    Raises:
        DataError: the folder does not exist or is no folder.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file" if root.exists() else "nothing there"
        raise DataError(f"expected a folder of images, got {root}: {what}")
    found: list[Path] = []
    for parent, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        found.extend(Path(parent, name) for name in files if _is_image_name(name))
    return tuple(sorted(found, key=lambda file: natural_key(file.relative_to(root).as_posix())))


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sorts numbers inside names by value; the name itself settles ties such as 01 and 1."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(p), "") if p[0] in "0123456789" else (1, 0, p) for p in parts), name


def _is_image_name(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def _open(
    data: bytes | io.BufferedReader, source: str | os.PathLike[str]
) -> PIL.ImageFile.ImageFile:
    """The file's header, checked for size and frames; no pixel is decoded yet."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        file = PIL.Image.open(stream, formats=_FORMATS)
        frames = getattr(file, "n_frames", 1)
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise _too_large(source, str(error)) from error
    except Exception as error:  # damaged headers make the decoders raise nearly anything
        raise _not_an_image(source, error) from error
    if file.width * file.height > MAX_PIXELS:
        raise _too_large(source, f"{file.height} x {file.width}")
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


def _refuse_deep(file: PIL.ImageFile.ImageFile, source: str | os.PathLike[str]) -> None:
    """Pillow halves 16-bit RGB in silence; only what its decoder is told shows the file's depth."""
    deep = file.mode.startswith(("I", "F"))
    for tile in file.tile:
        args = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        raw_mode = str(args[0])  # for example "RGB;16B"; BMP's "BGR;16" is 5 + 6 + 5 bits
        deep |= re.search(r"^(?!BGR;).*;(12|16|32|64)", raw_mode) is not None
        deep |= tile[0].startswith("ppm") and int(args[1]) > 255
    if deep:
        raise ImageError(
            f"expected 8 bits per channel, got more in {source}",
            "convert it to 8 bits first, with the rounding that you want",
        )


def _not_an_image(source: str | os.PathLike[str], error: Exception) -> ImageError:
    return ImageError(
        f"expected an image, got {source}, which is damaged or no image ({error})",
        "replace or remove the file; readable are PNG, JPEG, BMP, PPM, TIFF and WebP",
    )


def _too_large(source: str | os.PathLike[str], size: str) -> ImageError:
    return ImageError(
        f"expected at most {MAX_PIXELS:,} pixels, got {size} in {source}", "cut it into parts"
    )
