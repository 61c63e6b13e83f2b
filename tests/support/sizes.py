"""How much the largest tests do: enough for a change, or all of it (``make test SIZES=all``).

What is left out for a change is more of the same: further kills, losses of the same networks.
"""

from __future__ import annotations

import os
from typing import TypeVar

ALL = os.environ.get("SRBENCH_TEST_SIZES") == "all"
Size = TypeVar("Size")


def size(usual: Size, everything: Size) -> Size:
    """What a test does for a change, and before a release."""
    return everything if ALL else usual
