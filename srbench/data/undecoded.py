"""Images that stay in their files: each is decoded whenever a patch is cut from it.

For a data set whose pixels are too many for the disk. Decoding costs some milliseconds a patch; the
pixels, and so the patches, are those of the store.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from srbench.data.cache import image_sizes
from srbench.data.dataset import Dataset
from srbench.data.decoding import decode_known
from srbench.data.store import INDEX_FILE, IntArray, PreparedImages, StoreIndex
from srbench.imaging.listing import name_below
from srbench.imaging.pixels import Image


class UndecodedImages(PreparedImages):
    """Images in the files that the index names."""

    def load(self, index: int) -> Image:
        """Decoded anew.

        Raises:
            DataError: the file is gone, or changed since it was listed.
        """
        files, digests, sizes = self.index.files, self.index.digests, self.index.sizes
        return decode_known(Path(files[index]), digests[index], sizes[index])

    def pixels_of(
        self, images: IntArray, first: IntArray, end: IntArray
    ) -> tuple[npt.NDArray[np.uint8], IntArray]:
        """Those of the images alone, each decoded once."""
        distinct, place = np.unique(images, return_inverse=True)
        decoded = [self.load(index).reshape(-1, 3) for index in distinct.tolist()]
        starts = np.cumsum([0, *map(len, decoded)], dtype=np.int64)
        return np.concatenate(decoded), starts[place]


def list_undecoded(dataset: Dataset, folder: Path) -> UndecodedImages:
    """Note in ``folder`` where the data set's images lie, their sizes and hashes; nothing else."""
    hashes = dataset.manifest().entries
    index = StoreIndex(
        names=dataset.names,
        sizes=tuple(image_sizes(dataset.root, dataset.files)),
        digests=tuple(hashes[name_below(dataset.root, file)] for file in dataset.files),
        files=tuple(str(file.absolute()) for file in dataset.files),
    )
    folder.mkdir(parents=True, exist_ok=True)
    index.write(folder / INDEX_FILE)
    return UndecodedImages.open(folder)
