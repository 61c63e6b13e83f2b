"""What a licence text of a spec says of commercial use."""

from __future__ import annotations

import re

# Identifiers whose terms nobody has to look up; everything else says it in words.
_COMMERCIAL = frozenset(
    (
        *("MIT", "BSD-2-Clause", "BSD-3-Clause", "BSD", "Apache-2.0", "ISC", "Unlicense"),
        *("CC0-1.0", "MPL-2.0", "LGPL-2.1", "LGPL-3.0", "GPL-2.0", "GPL-3.0", "AGPL-3.0"),
        *("CC-BY-4.0", "0BSD"),
    )
)
_NOT_COMMERCIAL = frozenset(("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "PolyForm-Noncommercial-1.0.0"))


def settles_commercial_use(text: str) -> bool:
    """Whether a licence text says if commercial use is allowed.

    >>> settles_commercial_use("MIT"), settles_commercial_use("see the authors' page")
    (True, False)
    """
    return "commercial" in text.lower() or text.strip() in _COMMERCIAL | _NOT_COMMERCIAL


def allows_commercial_use(text: str) -> bool:
    """Whether a licence text says that commercial use is allowed; silence counts as no.

    >>> allows_commercial_use("MIT"), allows_commercial_use("MIT code; commercial use allowed")
    (True, True)
    >>> allows_commercial_use("weights: each model's own, commercial use is not implied")
    False
    """
    said = re.search(r"(?<!no )commercial use allowed", text.lower())
    return said is not None or text.strip() in _COMMERCIAL
