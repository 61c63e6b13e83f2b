"""Submissions: packing a run, and recomputing what a stranger submitted.

Nothing here knows plugins, training or reports. Names are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srbench.verify.check import Verification, verify_submission
    from srbench.verify.marks import merge_marks, read_marks, read_reproduced, write_marks
    from srbench.verify.pack import Packed, pack_submission

_HOME = {
    "check": ("Verification", "verify_submission"),
    "marks": ("merge_marks", "read_marks", "read_reproduced", "write_marks"),
    "pack": ("Packed", "pack_submission"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Packed",
    "Verification",
    "merge_marks",
    "pack_submission",
    "read_marks",
    "read_reproduced",
    "verify_submission",
    "write_marks",
]


def __getattr__(name: str) -> object:
    """Load the module that holds ``name`` when it is first asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
