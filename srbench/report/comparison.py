"""One picture per test image: what each loss made of it, with a crop where they differ most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from srbench.errors import ImageError, plain
from srbench.records import RowKind, kind_of_label

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int]
"""(top, left, side) of a square crop, in pixels."""

ENDS = (RowKind.BICUBIC, RowKind.HR)
"""Rows that do not choose the crop: the losses are to be told apart, not told from these."""

_PAPER, _INK, _FAINT, _FRAME = (255, 255, 255), (20, 20, 20), (105, 105, 105), (230, 90, 0)
_GAP = 10


def comparison_picture(
    images: Mapping[str, Pixels | str | Path],
    *,
    captions: Mapping[str, str] | None = None,
    title: str = "",
    whole: str | None = None,
    box: Box | None = None,
    panel: int = 240,
) -> Image.Image:
    """A labelled picture: one whole image on the left, the same magnified crop of each beside it.

    Args:
        images: label -> RGB uint8 ``(H, W, 3)`` array, or the path of an image; panels follow
            this order, by custom LR-bicubic, each loss, HR.
        captions: a second line under a label, for example its scores.
        title: one line above everything.
        whole: label of the image that is shown whole; ``hr`` if there is one, or the last.
        box: the crop as (top, left, side); chosen by :func:`choose_crop` where left out.
        panel: target side of a magnified crop, in pixels; the zoom is a whole number, so that
            no resampling smooths what is compared.

    Raises:
        ImageError: an image cannot be read, or the sizes differ; the label is named.
    """
    pixels = {label: _pixels(label, image) for label, image in images.items()}
    _check_sizes(pixels)
    box = box or choose_crop(pixels)
    whole = whole or (RowKind.HR if RowKind.HR in pixels else list(pixels)[-1])
    if whole not in pixels:
        raise ImageError(f"expected one of {', '.join(pixels)} to be shown whole, got {whole!r}")
    cells = [
        _cell(pixels[label], box, panel, label, (captions or {}).get(label, "")) for label in pixels
    ]
    grid = _grid(cells)
    left = _whole(pixels[whole], box, grid.height, f"{picture_name(whole)}, whole image")
    header = 30 if title else 0
    width = left.width + grid.width + 3 * _GAP
    sheet = Image.new("RGB", (width, grid.height + 2 * _GAP + header), _PAPER)
    if title:
        font = label_font(18)
        text = fitting(title, font, width - 2 * _GAP)
        ImageDraw.Draw(sheet).text((_GAP, _GAP), text, fill=_INK, font=font)
    sheet.paste(left, (_GAP, _GAP + header))
    sheet.paste(grid, (left.width + 2 * _GAP, _GAP + header))
    return sheet


def choose_crop(images: Mapping[str, Pixels], side: int | None = None) -> Box:
    """The square in which the losses' images differ most.

    Difference is the variance of luma between the images, averaged over the square. ``bicubic``
    and ``hr`` take part only where fewer than two other images are given.

    Args:
        images: label -> uint8 ``(H, W, 3)``, all of one size.
        side: of the square in pixels; by default a fifth of the shorter image side, between 40
            and 80.
    """
    _check_sizes(images)
    chosen = [image for label, image in images.items() if label not in ENDS]
    if len(chosen) < 2:
        chosen = list(images.values())
    luma = np.stack([image.astype(np.float64) @ (0.299, 0.587, 0.114) for image in chosen])
    height, width = luma.shape[1:]
    wanted = side or min(max(min(height, width) // 5, 40), 80)
    wanted = min(wanted, height, width)
    spread = luma.var(axis=0)
    table = np.pad(spread.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = (
        table[wanted:, wanted:]
        - table[:-wanted, wanted:]
        - table[wanted:, :-wanted]
        + table[:-wanted, :-wanted]
    )
    top, left = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return int(top), int(left), wanted


def _pixels(label: str, image: Pixels | str | Path) -> Pixels:
    if isinstance(image, (str, Path)):
        try:
            with Image.open(image, formats=("PNG",)) as file:
                return np.asarray(file.convert("RGB"))
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ImageError(f"{label}: expected an image at {image}, got: {error}") from error
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ImageError(
            f"{label}: expected an RGB uint8 array (H, W, 3), got {image.dtype} {image.shape}"
        )
    return image


def _check_sizes(images: Mapping[str, Pixels]) -> None:
    if not images:
        raise ImageError("expected at least one image to compare, got none")
    first, *others = images
    for label in others:
        if images[label].shape != images[first].shape:
            raise ImageError(
                f"expected images of one size, got {images[first].shape[:2]} for {first!r} and "
                f"{images[label].shape[:2]} for {label!r}"
            )


def _cell(image: Pixels, box: Box, panel: int, label: str, caption: str) -> Image.Image:
    top, left, side = box
    zoom = max(1, round(panel / side))
    crop = Image.fromarray(np.ascontiguousarray(image[top : top + side, left : left + side]))
    crop = crop.resize((zoom * crop.width, zoom * crop.height), Image.Resampling.NEAREST)
    cell = Image.new("RGB", (crop.width, crop.height + 44), _PAPER)
    cell.paste(crop, (0, 0))
    draw = ImageDraw.Draw(cell)
    font, small = label_font(16), label_font(13)
    name = fitting(picture_name(label), font, crop.width)
    draw.text((1, crop.height + 3), name, fill=_INK, font=font)
    draw.text((1, crop.height + 24), fitting(caption, small, crop.width), fill=_FAINT, font=small)
    return cell


def _grid(cells: list[Image.Image]) -> Image.Image:
    count = len(cells)
    rows = 1 if count <= 2 else 2 if count <= 10 else max(3, round(math.sqrt(count / 2)))
    columns = math.ceil(count / rows)
    rows = math.ceil(count / columns)
    width, height = cells[0].size
    sheet = Image.new(
        "RGB", (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP), _PAPER
    )
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        sheet.paste(cell, (column * (width + _GAP), row * (height + _GAP)))
    return sheet


def _whole(image: Pixels, box: Box, height: int, label: str) -> Image.Image:
    room = height - 44
    factor = min(room / image.shape[0], 1.5 * room / image.shape[1])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    picture = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    top, left, side = (value * factor for value in box)
    # A white line inside the coloured one keeps the frame visible on any background.
    draw.rectangle((left - 2, top - 2, left + side + 2, top + side + 2), outline=_FRAME, width=3)
    draw.rectangle((left + 1, top + 1, left + side - 1, top + side - 1), outline=_PAPER, width=1)
    sheet = Image.new("RGB", (picture.width, height), _PAPER)
    sheet.paste(picture, (0, 0))
    font = label_font(16)
    text = fitting(label, font, picture.width)
    ImageDraw.Draw(sheet).text((1, picture.height + 3), text, fill=_INK, font=font)
    return sheet


def picture_name(label: str) -> str:
    """What a picture calls a row."""
    return kind_of_label(label).picture_name or label


def label_font(size: int) -> Any:
    """Pillow's own font, so that a picture looks the same everywhere."""
    return ImageFont.load_default(size=size)


def fitting(text: str, font: Any, width: int) -> str:
    """``text`` cut with an ellipsis so that it fits ``width`` pixels."""
    text = plain(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
