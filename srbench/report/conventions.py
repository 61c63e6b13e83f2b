"""The report's fixed choices in one place: levels, labels, flags, how each metric is printed."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from srbench.records.game import LOST_ACCURACY, WON_ACCURACY

ALPHA: Final = 0.05
"""Family-wise error level of the tie groups, and one minus the coverage of every interval."""

POWER: Final = 0.80
"""Power at which each table states the difference that it could have found."""

BOOTSTRAP_RESAMPLES: Final = 2000
BOOTSTRAP_SEED: Final = 20240607

DETERMINISTIC_LABELS: Final = frozenset({"bicubic", "hr"})
"""Reference rows that no seed changes: one record stands for all seeds."""

PARTIAL_LABELS: Final = frozenset({"hr"})
"""Reference rows that only no-reference metrics can score; the others are not missing there."""

NIQE_BLOCK: Final = 96
NIQE_MIN_BLOCKS: Final = 9
"""NIQE fits a Gaussian over its 96-pixel blocks; with fewer than 9 the fit is unstable."""

BLOCK_METRICS: Final = frozenset({"niqe"})

NETWORKS_ONLY: Final = "these trained networks only"
"""Label of every statement that resamples images: it says nothing about another seed."""

FLAGS: Final = MappingProxyType(
    {
        "trained-on": ("T", "the loss optimises this metric, so the score flatters it"),
        "shares-network": ("N", "the loss and this metric read the same pretrained network"),
        "saw-test": ("W", "the loss network's training data contain these test images"),
        "not-converged": (
            "C",
            "the validation curve was still moving in its last third (a fitted change of more "
            "than a tenth of the curve's range and of three times its standard error)",
        ),
        "collapsed": ("X", "the generator collapsed in at least one seed; not in a tie group"),
        "discriminator-won": (
            "D",
            f"the discriminator named {WON_ACCURACY:.0%} or more of held-out patches rightly at "
            "the end of a run: there was no game; not in a tie group",
        ),
        "discriminator-lost": (
            "L",
            f"the discriminator preferred HR in at most {LOST_ACCURACY:.0%} of pairs, hardly more "
            "than a coin: there was no game; not in a tie group",
        ),
        "small-image": (
            "S",
            f"NIQE of images with fewer than {NIQE_MIN_BLOCKS} blocks of {NIQE_BLOCK} pixels "
            "is unstable",
        ),
    }
)
"""Flag -> (code printed beside a score, what it means)."""

_DIGITS: Final = MappingProxyType({"psnr": 2, "niqe": 2})
_TITLES: Final = MappingProxyType(
    {
        "psnr": "PSNR",
        "ssim": "SSIM",
        "lpips": "LPIPS",
        "lpips-vgg": "LPIPS-VGG",
        "dists": "DISTS",
        "niqe": "NIQE",
    }
)
_DISTORTION_METRICS: Final = ("psnr", "ssim")
_PERCEPTUAL_METRICS: Final = ("lpips", "dists", "lpips-vgg", "niqe")


def metric_title(name: str) -> str:
    """How a metric is written in tables and axes: ``PSNR`` for ``psnr``."""
    return _TITLES.get(name, name)


def metric_digits(name: str) -> int:
    """Decimals printed for a metric; files carry full precision."""
    return _DIGITS.get(name, 4)


def is_niqe_rankable(dataset: str) -> bool:
    """Whether NIQE is ranked on this data set: the BSD sets only (DESIGN section 8)."""
    return dataset.lower().startswith("bsd")


def plane_metrics(names: tuple[str, ...]) -> tuple[str, str] | None:
    """The (distortion, perceptual) metrics of the perception-distortion plane, if both exist."""
    distortion = next((m for m in _DISTORTION_METRICS if m in names), None)
    perceptual = next((m for m in _PERCEPTUAL_METRICS if m in names), None)
    if distortion is None or perceptual is None:
        return None
    return distortion, perceptual
