"""Pillow's settings for the whole process, which other libraries change."""

from __future__ import annotations

import threading

import PIL.Image
import PIL.ImageFile


class _StrictPillow:
    """Pillow's settings for the process, as they must be while any thread decodes; then as before.

    Its limit of pixels is lower than ours, and libraries allow truncated files for all: importing
    pyiqa's data sets does, after which the lost part of an image would be scored as grey.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = (PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES)

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = (PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES)
                self._set(None, False)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._set(*self._before)

    @staticmethod
    def _set(most_pixels: int | None, truncated: bool) -> None:
        PIL.Image.MAX_IMAGE_PIXELS = most_pixels
        PIL.ImageFile.LOAD_TRUNCATED_IMAGES = truncated


strict_pillow = _StrictPillow()
"""``with strict_pillow:`` around whatever opens or decodes an image, in any number of threads."""
