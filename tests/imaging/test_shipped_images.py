"""Images that other packages ship: decoded exactly as another decoder does, or refused in a line.

``SRBENCH_TEST_IMAGES`` names a folder of more, such as ``Tests/images`` of Pillow's source
distribution (``pip download --no-binary pillow pillow``), which has a thousand, many of them broken
on purpose. OpenCV cannot read them all; with imagecodecs installed the others have a reference too.
"""

from __future__ import annotations

import importlib.util
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from srbench.errors import ImageError
from srbench.imaging import IMAGE_SUFFIXES, read_image

Pixels = npt.NDArray[np.uint8]

MORE = os.environ.get("SRBENCH_TEST_IMAGES", "")
TURN = {
    1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud,
    5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x.swapaxes(0, 1), 2), 8: np.rot90,
}  # fmt: skip
"""What Exif's orientation asks for (its table of tag 274)."""


def shipped_images() -> Iterator[Path]:
    """Every image that the installed Pillow, imageio and scikit-image carry."""
    suffixes = (*IMAGE_SUFFIXES, ".npy", ".npz", ".ico", ".eps", ".tga")
    for package in ("PIL", "imageio", "skimage", "matplotlib"):
        found = importlib.util.find_spec(package)
        assert found is not None
        folder = Path((found.submodule_search_locations or [""])[0])
        yield from (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in suffixes)
    if MORE:
        yield from (p for p in sorted(Path(MORE).rglob("*")) if p.is_file())


def rgb(found: npt.NDArray[np.generic] | None) -> Pixels | None:
    """Three channels, whatever there are; an alpha channel is opaque here."""
    if found is None or found.dtype != np.uint8:
        return None
    if found.ndim == 2 or found.shape[2] == 1:
        return np.repeat(found.reshape(*found.shape[:2], 1), 3, axis=2).astype(np.uint8)
    return found[..., :3].astype(np.uint8)


def mended(data: bytes) -> bytes:
    """A bitmap with what its decoder works out by itself: file header, place of the pixels, end."""
    if data[:2] != b"BM":
        data = b"BM" + struct.pack("<IHHI", 14 + len(data), 0, 0, 66) + data
    offset = max(14 + 40 + 4 * int.from_bytes(data[46:50], "little"), data[10])
    return data[:10] + struct.pack("<I", offset) + data[14:] + b"\0"


def references(file: Path) -> Iterator[Pixels | None]:
    """The image by OpenCV, as it is stored and upright."""
    for flag in (cv2.IMREAD_UNCHANGED, cv2.IMREAD_COLOR):
        found = rgb(cv2.imread(str(file), flag))
        yield None if found is None else found[..., ::-1]
    if found is not None and (turn := upright(file)) != 1:
        yield TURN[turn](rgb(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)))[..., ::-1]
    if file.suffix in (".bmp", ".dib"):
        found = rgb(cv2.imdecode(np.frombuffer(mended(file.read_bytes()), np.uint8), 1))
        yield None if found is None else found[..., ::-1]


def upright(file: Path) -> int:
    with PIL.Image.open(file) as image:
        return int(image.getexif().get(0x0112, 1))


def second_references(file: Path) -> Iterator[Pixels | None]:
    """By imagecodecs, alone or beneath tifffile."""
    codecs = pytest.importorskip("imagecodecs", reason=f"OpenCV does not read {file.name}")
    data = file.read_bytes()
    if file.suffix in (".tif", ".tiff"):
        yield tiff(file)
    decode = {name: f"{name[1:]}_decode" for name in (".bmp", ".webp", ".avif", ".png")}
    if file.suffix in decode:
        found = rgb(getattr(codecs, decode[file.suffix])(data))
        yield None if found is None else TURN[upright(file)](found)


def tiff(file: Path) -> Pixels | None:
    import tifffile

    with tifffile.TiffFile(file) as opened:
        page = opened.pages[0]
        found = page.asarray()
        if found.ndim == 2:  # grey of few bits, black or white first
            found = (found.astype(int) * 255 // (2**page.bitspersample - 1)).astype(np.uint8)
            found = 255 - found if page.photometric.name == "MINISWHITE" else found
        turn = page.tags.get("Orientation")
    found = rgb(found)
    return None if found is None else TURN[turn.value if turn else 1](found)


def furthest(image: Pixels, found: Iterator[Pixels | None]) -> int:
    """Largest difference from the nearest reference, in grey levels."""
    same = [f for f in found if f is not None and f.shape == image.shape]
    return min((int(np.abs(image.astype(int) - f).max()) for f in same), default=255)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("file", list(shipped_images()), ids=lambda file: file.name)
def test_shipped_images_are_as_another_decoder_reads_them_or_refused_in_one_line(
    file: Path,
) -> None:
    image, refused = None, ""
    try:
        image = read_image(file)
    except ImageError as error:
        refused = error.what
    if image is None:
        assert "\n" not in refused
        assert file.name in refused
        return
    with PIL.Image.open(file) as opened:
        # Two builds of libjpeg round apart, and so do conversions from CMYK.
        bound = 3 if opened.format in ("JPEG", "MPO") or opened.mode == "CMYK" else 0
    if furthest(image, references(file)) > bound:
        assert furthest(image, second_references(file)) <= bound
