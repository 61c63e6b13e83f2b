"""Submissions: packing a run, and recomputing what a stranger submitted.

Nothing here knows plugins, training or reports. Names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.lazy import lazy_names

if TYPE_CHECKING:
    from srbench.verify.check import verify_submission
    from srbench.verify.marks import merge_marks, read_reproduced, write_marks
    from srbench.verify.pack import Packed, pack_submission
    from srbench.verify.result import Verification

__all__ = [
    "Packed",
    "Verification",
    "merge_marks",
    "pack_submission",
    "read_reproduced",
    "verify_submission",
    "write_marks",
]

__getattr__ = lazy_names(
    __name__,
    {
        ".check": ("verify_submission",),
        ".marks": ("merge_marks", "read_reproduced", "write_marks"),
        ".pack": ("Packed", "pack_submission"),
        ".result": ("Verification",),
    },
)
