"""Cut a whole batch of patches out of a store with a single gather."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from srbench.data.draw import DrawnPatches, PatchPlan
from srbench.data.store import IntArray, PreparedImages


def gather_patches(
    store: PreparedImages, plan: PatchPlan, drawn: DrawnPatches, out: npt.NDArray[np.uint8]
) -> None:
    """Write the patches of a batch, each with its margin, into ``out``.

    Where the margin leaves the image, the image is reflected with its border pixel repeated, which
    is how MATLAB's ``imresize`` treats its edge. The image ends at the last multiple of the scale.

    The symmetry of a patch has three bits: 1 turns its rows upside down, 2 its columns, 4 swaps
    rows and columns, in this order; together they are the eight flips and rotations of a square.

    Args:
        store: where the pixels are.
        plan: sizes of the patches.
        drawn: which patches, N of them.
        out: ``(N, S, S, 3)`` uint8, contiguous, ``S = patch_size + 2 margin``.
    """
    sizes = store.sizes[drawn.image]
    upside_down, mirrored, transposed = (drawn.symmetry[:, None] >> bit & 1 for bit in range(3))
    usable = sizes - sizes % plan.scale
    rows = _coordinates(plan, drawn.top, upside_down, usable[:, 0]) * sizes[:, 1:]
    columns = _coordinates(plan, drawn.left, mirrored, usable[:, 1])
    pixels, offsets = store.pixels_of(
        drawn.image,
        rows.min(axis=1) + columns.min(axis=1),
        rows.max(axis=1) + columns.max(axis=1) + 1,
    )
    columns += offsets[:, None]
    # An index of a pixel is a term of its row plus a term of its column: so swapping the axes of
    # some patches of the batch is swapping these two terms.
    down = np.where(transposed, columns, rows)
    across = np.where(transposed, rows, columns)
    index = down[:, :, None] + across[:, None, :]
    # mode="clip" lets numpy write into ``out`` directly; every index is in range.
    np.take(pixels, index, axis=0, out=out, mode="clip")


def _coordinates(plan: PatchPlan, start: IntArray, flipped: IntArray, end: IntArray) -> IntArray:
    """``(N, S)``: the image row (or column) of each row of the patches."""
    inside = np.arange(-plan.margin, plan.patch_size + plan.margin)
    inside = np.where(flipped, plan.patch_size - 1 - inside, inside)
    folded = (start[:, None] + inside) % (2 * end[:, None])
    coordinates: IntArray = np.minimum(folded, 2 * end[:, None] - 1 - folded)
    return coordinates
