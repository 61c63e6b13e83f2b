"""How the C library hands out memory to a process that computes."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_SETTINGS: Final = {
    "MALLOC_ARENA_MAX": (-8, 1),  # threads share what is kept
    "MALLOC_MMAP_MAX_": (-4, 0),  # nothing comes from, and goes back to, the kernel by itself
    "MALLOC_TRIM_THRESHOLD_": (-1, (1 << 31) - 1),
    "MALLOC_TOP_PAD_": (-2, 256 << 20),
}
"""Environment variable of glibc -> parameter of its ``mallopt`` and our value (malloc.h)."""


def keep_freed_memory() -> bool:
    """Have this process keep the memory that it frees, for its own next use.

    By default glibc gives every freed tensor of some megabytes back to the kernel, which clears
    each page anew when the next one is made: a quarter of the time of making an image on the CPU.
    Call it in a process that is srbench's own: it holds what it once needed until it ends.

    Returns:
        Whether anything was set: not where the C library is another one, or where the user has set
        one of glibc's own variables.
    """
    if any(name in os.environ for name in _SETTINGS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc: musl, macOS, Windows
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _SETTINGS.values())
