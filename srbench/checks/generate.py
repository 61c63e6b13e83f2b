"""Writing a new plugin: a complete distribution whose tests pass as generated. No torch here."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from srbench.errors import UserError
from srbench.namesake import DISTRIBUTION

PREFIX = "srbench-"
"""What the distribution's name starts with, so that plugins are found on the package index."""

_FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "src/$package/__init__.py": "init.py.txt",
    "src/$package/plugin.py": "plugin.py.txt",
    "src/$package/loss.py": "loss.py.txt",
    "tests/test_$package.py": "test.py.txt",
}


def plugin_files(name: str) -> dict[str, str]:
    """Path inside the plugin's folder -> text.

    Args:
        name: of the loss, kebab-case: ``my-loss``. The distribution is then ``srbench-my-loss``.

    Raises:
        UserError: the name does not fit.
    """
    words = _words(name)
    named = words if words[-1] == "loss" else [*words, "loss"]
    values = {
        "loss": name,
        "distribution": PREFIX + name,
        "package": "_".join(["srbench", *words]),
        "class_name": "".join(word.capitalize() for word in named),
    }
    folder = files("srbench.checks") / "template"
    return {
        Template(path).substitute(values): Template((folder / source).read_text()).substitute(
            values
        )
        for path, source in _FILES.items()
    }


def write_plugin(name: str, folder: Path) -> tuple[Path, ...]:
    """Write the plugin ``name`` into ``folder``, which must not exist or be empty.

    Returns:
        The files written.

    Raises:
        UserError: the name does not fit, or the folder holds something.
    """
    texts = plugin_files(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"expected a new or empty folder, got {folder}, which holds something",
            "give another one with --out",
        )
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return tuple(folder / path for path in texts)


def _words(name: str) -> list[str]:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UserError(
            f"expected a kebab-case name of letters a-z, digits and '-', got {name!r}",
            "for example: srbench new-plugin my-loss",
        )
    if PREFIX + name == DISTRIBUTION:
        raise UserError(
            f"expected the name of a loss, got {name!r}",
            f"its distribution would be {DISTRIBUTION}, which is srbench itself",
        )
    if name.startswith(PREFIX) or keyword.iskeyword(name):
        raise UserError(
            f"expected the name of a loss, got {name!r}",
            f"leave {PREFIX!r} out: the distribution's name gets it by itself",
        )
    return name.split("-")
