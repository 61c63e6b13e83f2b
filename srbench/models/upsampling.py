"""What the generators share: by which factors a scale is reached."""

from __future__ import annotations

from srbench.errors import UserError

FACTORS = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""Scale -> the factors of its upsampling stages, as in SRResNet, EDSR and ESRGAN."""


def upsampling_factors(scale: int) -> tuple[int, ...]:
    """The factors of the upsampling stages for ``scale``.

    Raises:
        UserError: the scale is not 2, 3, 4 or 8.
    """
    if scale not in FACTORS:
        raise UserError(f"expected a scale of 2, 3, 4 or 8, got {scale!r}", "use scale 4")
    return FACTORS[scale]
