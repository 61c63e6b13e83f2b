"""Names of a package that are loaded on first use.

So that listing data sets does not wait for torch, nor a worker for models that it does not need.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping


def lazy_names(package: str, home: Mapping[str, Iterable[str]]) -> Callable[[str], object]:
    """A ``__getattr__`` for the package (PEP 562).

    Args:
        package: its ``__name__``.
        home: module -> the names that it holds; a module of the package itself as ``.module``.
    """
    module_of = {name: module for module, names in home.items() for name in names}

    def load(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module_of[name], package), name)

    return load
