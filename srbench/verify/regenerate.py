"""The verifier's own copy of the test images, and the SR images that a generator makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from srbench.data import Dataset, crop_to_multiple, find_dataset
from srbench.errors import MissingData
from srbench.imaging import Image, bicubic_image, lr_image
from srbench.metrics.determinism import calm_torch, one_thread

SetsOfImages = Mapping[str, Mapping[str, Image]]
"""Data set -> image name -> image."""


@dataclass
class TestImages:
    """HR, LR and bicubic images of one data set, each made once.

    Args:
        dataset: on this machine.
        scale: super-resolution factor.
    """

    dataset: Dataset
    scale: int

    __test__ = False  # pytest: not a test class

    @cached_property
    def hr(self) -> dict[str, Image]:
        """Image name -> HR, cropped to a multiple of the scale."""
        names = self.dataset.names
        return {
            name: crop_to_multiple(self.dataset.load(index), self.scale)
            for index, name in enumerate(names)
        }

    @cached_property
    def lr(self) -> dict[str, Image]:
        """Image name -> LR, as scoring makes it."""
        return {name: lr_image(hr, self.scale) for name, hr in self.hr.items()}

    @cached_property
    def bicubic(self) -> dict[str, Image]:
        """Image name -> what bicubic interpolation makes of LR."""
        return {name: bicubic_image(lr, self.scale) for name, lr in self.lr.items()}

    def made_by(self, upscaler: Callable[[Image], Image], workers: int = 1) -> dict[str, Image]:
        """Image name -> SR, ``workers`` at a time, each on one torch thread.

        Raises:
            ImageError: an image of values that are not finite.
        """
        with calm_torch(), ThreadPoolExecutor(workers, initializer=one_thread) as pool:
            return dict(zip(self.lr, pool.map(upscaler, self.lr.values()), strict=True))


class TestSets:
    """The data sets that records name, looked up on this machine when they are first needed.

    Args:
        folders: data set name -> folder of the verifier's own copy; others are found by name.
    """

    __test__ = False

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._found: dict[tuple[str, int], TestImages] = {}

    def get(self, name: str, scale: int) -> TestImages:
        """The images of a data set.

        Raises:
            MissingData: it is not here. A ``folder:`` of the submitter is never looked up:
                the verifier says where its copy is.
        """
        if (name, scale) not in self._found:
            self._found[name, scale] = TestImages(dataset=self._find(name), scale=scale)
        return self._found[name, scale]

    def _find(self, name: str) -> Dataset:
        if name in self._folders:
            return find_dataset(f"folder:{self._folders[name]}")
        if name.startswith("folder:"):
            raise MissingData(
                f"expected the test images {name!r:.200}, a folder on the submitter's machine",
                f"give your own copy of it: --data {name!r:.80}=DIR",
            )
        return find_dataset(name)
