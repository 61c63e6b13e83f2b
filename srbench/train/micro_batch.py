"""A batch in parts, for GPUs that cannot hold the whole: the gradients of the parts are summed.

Every term is a batch mean, so each part counts by its share of the batch and the sum is the whole
batch's gradient, up to rounding. The exception is BatchNorm, which sees one part at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class MicroBatch(NamedTuple):
    """A part of a batch; ``share`` is its size over the batch's, ``None`` for the whole batch."""

    lr: Tensor
    hr: Tensor
    share: float | None

    def scaled(self, mean: Tensor) -> Tensor:
        """What this part's mean adds to the batch's; the whole batch's own bits are untouched."""
        return mean if self.share is None else self.share * mean


def micro_batches(lr: Tensor, hr: Tensor, count: int) -> Iterator[MicroBatch]:
    """``lr (N, 3, h, w)`` and ``hr`` in ``count`` parts, at most one per image."""
    if count == 1:
        yield MicroBatch(lr, hr, None)
        return
    for part_lr, part_hr in zip(lr.chunk(count), hr.chunk(count), strict=True):
        yield MicroBatch(part_lr, part_hr, len(part_lr) / len(lr))


def combined(parts: Sequence[Tensor], norms: Sequence[bool]) -> Tensor:
    """The batch's values ``(T,)`` from those of its parts, already scaled by their shares.

    Args:
        norms: which values are Euclidean norms; those add in squares, the others add.
    """
    if len(parts) == 1:
        return parts[0]
    # Term by term: a mask would have to be copied to the device, which makes the host wait.
    terms = torch.stack(list(parts), dim=1)
    return torch.stack(
        [
            torch.linalg.vector_norm(term) if is_norm else term.sum()
            for term, is_norm in zip(terms, norms, strict=True)
        ]
    )
