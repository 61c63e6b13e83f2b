"""Images that another machine may make of the same generator: close values rounded the other way.

float32 sums differ in their last bits between processors, and between numbers of threads. Where an
SR value lies that close to the middle of two grey levels, two honest machines round it apart. PSNR,
SSIM and LPIPS of test images move by less than their tolerances; NIQE, which fits statistics to few
blocks, moves by a few hundredths on images with a regular grid (0.035 seen), more than its own. So
a NIQE that is off is compared with those of images whose close values were rounded by chance: what
these explain is no difference between submitter and verifier but one between their processors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from srbench.errors import ImageError
from srbench.imaging import to_uint8
from srbench.metrics.score import ImagePair, ScoreError, Scorer
from srbench.verify.difference import Difference
from srbench.verify.images import Image

if TYPE_CHECKING:
    import torch

CLOSE: Final = 1e-3
"""Grey levels from the middle of two, below which a value may go either way. SR of the
published generators differed from float64 by up to 1.3e-4; deeper ones and GPUs have room."""

SENSITIVE_METRICS: Final = frozenset({"niqe"})
"""Those that such a value moves by more than their tolerance."""

DRAWS: Final = 32
"""Images whose scores span what is explained."""


def roundings(sr: torch.Tensor, name: str) -> Iterator[Image]:
    """:data:`DRAWS` images of one SR, each with its close values up or down by chance.

    Args:
        sr: ``(1, 3, H, W)``, RGB [0, 1], not rounded.
        name: of the image; the same one gives the same draws.

    Raises:
        ImageError: values that are not finite.
    """
    plain = to_uint8(sr)  # refuses what is not finite
    values = sr[0].clamp(0.0, 1.0).double().mul(255.0).permute(1, 2, 0).cpu().numpy()
    below = np.floor(values)
    close = np.abs(values - below - 0.5) < CLOSE
    lower = below[close].astype(np.uint8)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    random = np.random.default_rng(seed)
    for _ in range(DRAWS):
        image = plain.copy()
        image[close] = lower + random.integers(0, 2, lower.shape, dtype=np.uint8)
        yield image


def explains(
    images: Sequence[Image], found: Difference, scorer: Scorer, *, workers: int = 1
) -> bool:
    """Whether a score is off by no more than the scores of these images are apart.

    Args:
        images: draws of :func:`roundings`; none explain nothing.
        found: a stated and a recomputed score of one of :data:`SENSITIVE_METRICS`.
        scorer: of that metric alone, which needs no HR.
        workers: images scored at once.
    """
    if found.stated is None or found.recomputed is None or not images:
        return False
    pairs = [ImagePair(name=str(number), sr=sr, hr=None) for number, sr in enumerate(images)]
    try:
        (scores,) = scorer.score(pairs, workers=workers).values()
    except (ScoreError, ImageError):
        return False  # what has no score explains none
    span = [found.recomputed, *scores.values()]
    return min(span) <= found.stated <= max(span)
