"""What the generators share: how many doublings a scale takes."""

from __future__ import annotations

from srbench.errors import UserError


def doublings(scale: int) -> int:
    """Number of x2 pixel-shuffle stages for ``scale``.

    Raises:
        UserError: the scale is not 2, 4 or 8.
    """
    stages = {2: 1, 4: 2, 8: 3}
    if scale not in stages:
        raise UserError(f"expected a scale of 2, 4 or 8, got {scale!r}", "use scale 4")
    return stages[scale]
