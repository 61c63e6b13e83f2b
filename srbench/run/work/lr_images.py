"""The LR images of a test set, made once for all the generators that are scored on it."""

from __future__ import annotations

from srbench.data import Dataset, crop_to_multiple
from srbench.imaging import Image, lr_image

_LARGEST = 256 * 2**20
"""Bytes that are kept. LR of BSD100 takes 3 MB, of DIV2K's validation set 50 MB."""


class LrImages:
    """LR of a data set's images by index; they are decoded and degraded at the first call only.

    Args:
        dataset: HR images.
        scale: of the degradation.
    """

    def __init__(self, dataset: Dataset, scale: int) -> None:
        self.dataset = dataset
        self._scale = scale
        self._kept: dict[int, Image] = {}
        self._bytes = 0

    def hr(self, index: int) -> Image:
        """HR, uint8 ``(H, W, 3)``, its sides multiples of the scale."""
        return crop_to_multiple(self.dataset.load(index), self._scale)

    def lr(self, index: int) -> Image:
        """LR, uint8 ``(H / scale, W / scale, 3)``."""
        if index in self._kept:
            return self._kept[index]
        image = lr_image(self.hr(index), self._scale)
        if self._bytes + image.nbytes <= _LARGEST:
            self._kept[index] = image
            self._bytes += image.nbytes
        return image
