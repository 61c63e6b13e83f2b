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

GameVerdict = Literal["discriminator-won", "discriminator-lost"]

WON_ACCURACY: Final = 0.98
"""Mean accuracy on HR and SR from which the discriminator has won: it no longer errs, and what
reaches the generator says how far off it is and not what to change."""

LOST_ACCURACY: Final = 0.55
"""Mean accuracy up to which the discriminator has lost; a coin has 0.5."""


def game_verdict(points: Sequence[CurvePoint]) -> GameVerdict | None:
    """How the game ended; ``None`` where neither side won, or nothing was measured.

    Args:
        points: the record's ``game``, by iteration: ``accuracy_hr`` and ``accuracy_sr`` are the
            shares of HR and SR patches that the discriminator names rightly, 0 to 1.
    """
    judged = [p.scores for p in points if "accuracy_hr" in p.scores and "accuracy_sr" in p.scores]
    if not judged:
        return None
    ended = judged[len(judged) // 2 :]
    accuracy = fmean((scores["accuracy_hr"] + scores["accuracy_sr"]) / 2 for scores in ended)
    if accuracy >= WON_ACCURACY:
        return "discriminator-won"
    return "discriminator-lost" if accuracy <= LOST_ACCURACY else None
