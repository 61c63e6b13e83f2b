"""srbench: the benchmark of perceptual losses for super-resolution GANs."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "calibrate", "evaluate", "load_loss", "run_suite"]

if TYPE_CHECKING:
    from srbench.api import calibrate, evaluate, load_loss, run_suite


def __dir__() -> list[str]:
    # What a notebook offers after `srbench.` and the tab key.
    return __all__


def __getattr__(name: str) -> object:
    # Lazy: `srbench --help` must not pay for what only the Python API needs.
    if name in __all__:
        from importlib import import_module

        from srbench.namesake import refuse_namesake

        refuse_namesake()
        return getattr(import_module("srbench.api"), name)
    raise AttributeError(f"module 'srbench' has no attribute {name!r}")
