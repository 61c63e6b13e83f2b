"""The identity of a plugin's source: does a loss still do what it did when it was trained with?

Only what the code does counts. Comments, docstrings, layout, and what a spec tells people and
tables (:data:`TOLD`) do not. Nothing is imported: files are found beside the module that is loaded.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from srbench.contract import LossSpec
from srbench.errors import PluginError
from srbench.files import sha256_hex

TOLD: Final[Mapping[str, frozenset[str]]] = {
    "Field": frozenset({"description"}),
    "LossSpec": frozenset(
        {field.name for field in fields(LossSpec)}
        - {"name", "build", "params", "resolve", "weights"}
    ),
}
"""Call -> its arguments that change no value of a loss; ``version`` is part of the job's key."""


def source_sha256(build: Callable[..., Any]) -> str:
    """sha256 over the files that ``build`` comes from and imports, where they are its package's.

    Srbench's own losses share one package with the rest of srbench: there the room counts
    (``srbench.controls``). Imports are read, not followed at run time: what a module imports by a
    name that it computes is not seen, nor is what is not Python. Empty where there is no source.

    Raises:
        PluginError: a file that is no Python, as in the middle of an edit.
    """
    while isinstance(build, functools.partial):
        build = build.func
    module = build.__module__
    parts = module.split(".")
    package = ".".join(parts[: 2 if parts[0] == "srbench" else 1])
    home = getattr(sys.modules.get(package), "__file__", None)
    if home is None:
        return ""
    files = _Package(package, Path(home))
    found = {name: _meaning(file, file.stat().st_mtime_ns) for name, file in files.reached(module)}
    return sha256_hex("\n".join(f"{name} {found[name]}" for name in sorted(found)))


class _Package:
    """The files of one package, or of one module that is in none."""

    def __init__(self, name: str, home: Path) -> None:
        self._name, self._home = name, home

    def reached(self, start: str) -> Iterator[tuple[str, Path]]:
        """``start`` and all modules of this package that it imports, directly or not."""
        seen: set[str] = set()
        queue = [start]
        while queue:
            module = queue.pop()
            file = self._file(module)
            if module in seen or file is None:
                continue
            seen.add(module)
            yield module, file
            inner = file.name == "__init__.py"
            queue += _imported(file, file.stat().st_mtime_ns, module, inner)
            queue.append(module.rpartition(".")[0])  # its package's __init__ runs before it

    def _file(self, module: str) -> Path | None:
        if module == self._name:
            return self._home if self._home.suffix == ".py" else None
        if self._home.name != "__init__.py" or not module.startswith(f"{self._name}."):
            return None
        path = self._home.parent.joinpath(*module[len(self._name) + 1 :].split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
        return None


@functools.lru_cache(maxsize=1024)
def _imported(file: Path, changed: int, module: str, inner: bool) -> tuple[str, ...]:
    del changed  # part of the cache's key: an edited file is read again
    found: list[str] = []
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")
            keep = len(above) - node.level + inner
            base = (
                ".".join(filter(None, [*above[:keep], node.module])) if node.level else node.module
            )
            # `from package import name`: the name may be a module
            found += [str(base), *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def _meaning(file: Path, changed: int) -> str:
    del changed
    return sha256_hex("".join(_told(_tree(file))))


def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise PluginError(
            f"expected Python in {file}, got line {getattr(error, 'lineno', '?')}: {error}",
            "mend it, or leave the plugin out with -p no:NAME",
        ) from error


def _told(node: object) -> Iterator[str]:
    """The tree as text that is the same under every version of Python: empty fields left out."""
    if isinstance(node, list):
        for item in node:
            yield from _told(item)
    elif not isinstance(node, ast.AST):
        yield f"{node!r};"
    elif not _is_docstring(node):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(_without_words(node)):
            if value is not None and value != []:
                yield f" {name}="
                yield from _told(value)
        yield ")"


def _without_words(node: ast.AST) -> ast.AST:
    if not isinstance(node, ast.Call):
        return node
    called = getattr(node.func, "attr", getattr(node.func, "id", ""))
    told = TOLD.get(called, frozenset())
    kept = [keyword for keyword in node.keywords if keyword.arg not in told]
    return ast.Call(func=node.func, args=node.args, keywords=kept)


def _is_docstring(node: ast.AST) -> bool:
    """Also a string below a constant that documents it."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
