"""How the C library hands out memory to a process that computes."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_SETTINGS: Final = {
    "arena_max": (-8, 1),  # threads share what is kept, or each would keep and give back its own
    "mmap_max": (-4, 0),  # nothing is taken from, and given back to, the kernel by itself
    "trim_threshold": (-1, 1 << 30),  # at most 1 GiB of free memory is held
    "top_pad": (-2, 64 << 20),
}
"""Tunable of glibc's malloc -> parameter of ``mallopt`` (malloc.h), and our value."""

TUNABLES: Final = ":".join(f"glibc.malloc.{name}={v}" for name, (_, v) in _SETTINGS.items())
"""For ``GLIBC_TUNABLES``: keeps freed tensors in the process.

With glibc's defaults every freed tensor of some megabytes goes back to the kernel, which clears
each page anew when the next one is made: a sixth of a training step on the CPU, and a quarter of
the time of making an image. Other C libraries ignore this.
"""


def keep_freed_memory() -> bool:
    """Set in this process what :data:`TUNABLES` sets in one that is yet to start.

    For processes that are srbench's own: they hold what they once needed until they end.

    Returns:
        Whether anything was set: not where the C library is another one, or where the user has set
        its malloc up.
    """
    chosen = "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
    if chosen or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _SETTINGS.values())
