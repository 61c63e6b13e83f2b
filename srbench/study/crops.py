"""Which places of a test image people see. Only HR and bicubic decide: no row is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from srbench.errors import UserError
from srbench.imaging import Image
from srbench.records.opinions import BICUBIC, HR
from srbench.study.scores import Array
from srbench.study.sources import Rows


def detail_boxes(hr: Image, bicubic: Image, side: int, count: int) -> list[tuple[int, int]]:
    """(top, left) of up to ``count`` squares that do not overlap, most to restore first.

    What is to be restored is the mean absolute difference between HR and bicubic, on a grid of a
    quarter of the side.

    Raises:
        UserError: the image is smaller than one square.
    """
    height, width = hr.shape[:2]
    if min(height, width) < side:
        raise UserError(
            f"expected images of at least {side} x {side} pixels, got one of {width} x {height}",
            "choose smaller crops with --crop",
        )
    difference = np.abs(hr.astype(np.float64) - bicubic.astype(np.float64)).sum(axis=-1)
    table = np.pad(difference.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    places = [(y, x) for y in _grid(height, side) for x in _grid(width, side)]
    found: list[tuple[int, int]] = []
    for y, x in sorted(places, key=lambda place: -_sum(table, place, side)):
        if all(abs(y - b) >= side or abs(x - a) >= side for b, a in found):
            found.append((y, x))
        if len(found) == count:
            break
    return found


def crops_of(
    rows: Rows,
    *,
    images: int,
    side: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[Image]]:
    """Label -> one crop of each of ``images`` test images; HR first, bicubic last.

    Raises:
        UserError: an image is smaller than a crop.
    """
    names = evenly(rows.names, images)
    found: dict[str, list[Image]] = {HR: [], **{row.label: [] for row, _ in rows.rows}, BICUBIC: []}
    for done, name in enumerate(names, start=1):
        whole = {HR: rows.hr(name), BICUBIC: rows.bicubic(name)}
        top, left = detail_boxes(whole[HR], whole[BICUBIC], side, 1)[0]
        whole |= {row.label: image(name) for row, image in rows.rows}
        for label, image in whole.items():
            found[label].append(image[top : top + side, left : left + side])
        progress(done, len(names))
    return found


def _grid(length: int, side: int) -> list[int]:
    return sorted({*range(0, length - side + 1, max(1, side // 4)), length - side})


def _sum(table: Array, place: tuple[int, int], side: int) -> float:
    y, x = place
    return float(table[y + side, x + side] - table[y, x + side] - table[y + side, x] + table[y, x])


def evenly(names: Sequence[str], count: int) -> list[str]:
    """``count`` of the names, spread evenly over their order; all where there are no more."""
    if len(names) <= count:
        return list(names)
    return [names[(2 * index + 1) * len(names) // (2 * count)] for index in range(count)]
