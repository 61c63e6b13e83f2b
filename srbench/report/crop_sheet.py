"""The same crops of every row on one sheet, so that readers judge with their own eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from srbench.report.comparison import Pixels, fitting, label_font, picture_name

_PAPER, _INK = (255, 255, 255), (20, 20, 20)
_GAP, _LABEL, _FONT = 4, 150, 15


def crop_sheet(rows: Mapping[str, Sequence[Pixels]], *, zoom: int = 2) -> Image.Image:
    """A line of each row: its label, then its crops from left to right.

    Args:
        rows: label -> crops, RGB uint8 ``(S, S, 3)``; as many of one size in every row.
        zoom: whole factor of enlargement; pixels are repeated, nothing is smoothed.
    """
    count, side = len(next(iter(rows.values()))), zoom * len(next(iter(rows.values()))[0])
    size = (_LABEL + count * (side + _GAP), len(rows) * (side + _GAP) - _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), label_font(_FONT)
    for line, (label, crops) in enumerate(rows.items()):
        top = line * (side + _GAP)
        text = fitting(picture_name(label), font, _LABEL - 2 * _GAP)
        draw.text((0, top + (side - _FONT) // 2), text, fill=_INK, font=font)
        for column, crop in enumerate(crops):
            large = np.ascontiguousarray(crop.repeat(zoom, axis=0).repeat(zoom, axis=1))
            sheet.paste(Image.fromarray(large), (_LABEL + column * (side + _GAP), top))
    return sheet
