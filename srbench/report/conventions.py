"""The report's fixed choices in one place: levels and flags."""

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

NETWORKS_ONLY: Final = "these trained networks only"
"""Label of every statement that resamples images: it says nothing about another seed."""

FLAGS: Final = MappingProxyType(
    {
        "trained-on": ("T", "the loss optimises this metric, so the score flatters it"),
        "shares-network": ("N", "the loss and this metric read the same pretrained network"),
        "saw-test": ("W", "the loss network's training data contain these test images"),
        "trained-on-test": (
            "I",
            "the row was trained on images of this test set, or on copies or crops of them",
        ),
        "not-converged": (
            "C",
            "the validation curve was still moving in its last third: a fitted change of more than "
            "the difference that these seeds could show between two rows (with one seed: a tenth "
            "of the curve's range) and of three times its standard error",
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
            "the metric needs more blocks than an image of this set has for a stable score; it "
            "ranks nothing here",
        ),
    }
)
"""Flag -> (code printed beside a score, what it means)."""
