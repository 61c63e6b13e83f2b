"""Which patches batch ``k`` of a stream holds: a function of the seed and ``k`` alone.

The numbers come from Philox, a counter-based generator whose raw output numpy guarantees for good;
numpy's own ``integers`` and ``permutation`` may change between releases.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from srbench.data.store import IntArray


@dataclass(frozen=True, kw_only=True)
class PatchPlan:
    """What all patches of a sampler have in common; sizes in HR pixels.

    Args:
        patch_size: side of a patch.
        batch_size: patches per batch.
        scale: patches start at multiples of it.
        augment: whether they are flipped and rotated.
        margin: what is cut around each patch.
    """

    patch_size: int
    batch_size: int
    scale: int
    augment: bool
    margin: int


@dataclass(frozen=True, kw_only=True)
class DrawnPatches:
    """One batch: image, place and symmetry of each patch, all ``(N,)``.

    Args:
        image: index into the store.
        top: first row of the patch in its image, a multiple of the scale.
        left: first column, likewise.
        symmetry: 0 to 7; see :func:`srbench.data.gather.gather_patches`.
    """

    image: IntArray
    top: IntArray
    left: IntArray
    symmetry: IntArray


def draw_patches(
    plan: PatchPlan, sizes: IntArray, *, stream: str, seed: int, number: int
) -> DrawnPatches:
    """Draw batch ``number``.

    Args:
        plan: sizes of the patches.
        sizes: ``(images, 2)``, height and width; each at least a patch after cutting it to a
            multiple of the scale.
        stream: batches of different streams are independent.
        seed: any integer.
        number: of the batch, from 0.
    """
    image = _images_of_batch(len(sizes), plan.batch_size, stream, seed, number)
    random = _generator(stream, seed, "batch", number).random_raw(3 * plan.batch_size)
    rows, columns, symmetries = random.reshape(3, plan.batch_size)
    places = (sizes[image] - plan.patch_size) // plan.scale + 1
    symmetry = _below(symmetries, np.full(plan.batch_size, 8))
    return DrawnPatches(
        image=image,
        top=_below(rows, places[:, 0]) * plan.scale,
        left=_below(columns, places[:, 1]) * plan.scale,
        symmetry=symmetry if plan.augment else np.zeros_like(symmetry),
    )


def _images_of_batch(count: int, batch_size: int, stream: str, seed: int, number: int) -> IntArray:
    """Batches follow each other through the epochs' orders, across their ends if need be."""
    position = np.arange(number * batch_size, (number + 1) * batch_size)
    epoch, place = np.divmod(position, count)
    parts = [
        _order(count, stream, seed, number)[place[epoch == number]] for number in np.unique(epoch)
    ]
    return np.concatenate(parts)


@lru_cache(maxsize=4)
def _order(count: int, stream: str, seed: int, epoch: int) -> IntArray:
    random = _generator(stream, seed, "epoch", epoch).random_raw(count)
    order: IntArray = np.argsort(random, kind="stable")
    return order


def _generator(stream: str, seed: int, purpose: str, number: int) -> np.random.Philox:
    text = f"srbench-patches-v1:{stream}:{seed}:{purpose}:{number}"
    return np.random.Philox(key=int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def _below(random: npt.NDArray[np.uint64], limit: IntArray) -> IntArray:
    """Whole numbers in [0, limit), from the upper 32 bits; probabilities are off by < 2**-32."""
    return ((random >> np.uint64(32)) * limit.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
