"""Whether the adversarial game lived in a run: a verdict on what was measured while it trained.

Measured at every validation point on fixed held-out patches (``srbench.train.game``), judged on
the last half of the points: how the game ended, not how it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from srbench.records.schema import CurvePoint

_JUDGED: Final = frozenset({"accuracy_hr", "accuracy_sr", "accuracy_pairs"})

GameVerdict = Literal["discriminator-won", "discriminator-lost"]

WON_ACCURACY: Final = 0.98
"""Mean accuracy on HR and SR from which the discriminator has won: it no longer errs, and what
reaches the generator says how far off it is and not what to change."""

LOST_ACCURACY: Final = 0.55
"""Share of rightly ordered pairs up to which the discriminator has lost; a coin has 0.5. Not the
mean accuracy: that falls to 0.5 whenever a discriminator that knows the two apart is biased for a
few iterations."""


def game_verdict(points: Sequence[CurvePoint]) -> GameVerdict | None:
    """How the game ended; ``None`` where neither side won, or nothing was measured.

    Args:
        points: the record's ``game``, by iteration: ``accuracy_hr`` and ``accuracy_sr`` are the
            shares of HR and SR patches that the discriminator names rightly, ``accuracy_pairs``
            that of pairs in which it prefers HR; 0 to 1.
    """
    judged = [p.scores for p in points if p.scores.keys() >= _JUDGED]
    if not judged:
        return None
    ended = judged[len(judged) // 2 :]
    named = fmean((scores["accuracy_hr"] + scores["accuracy_sr"]) / 2 for scores in ended)
    if named >= WON_ACCURACY:
        return "discriminator-won"
    ordered = fmean(scores["accuracy_pairs"] for scores in ended)
    return "discriminator-lost" if ordered <= LOST_ACCURACY else None
