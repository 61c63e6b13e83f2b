"""How commands write: tables to stdout, JSON alone on stdout, warnings and progress to stderr."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from srbench.host import Registry
    from srbench.settings.describe import Key


def console(*, stderr: bool = False) -> Console:
    """A rich console; plain and 160 columns wide where there is no terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr)
    width = shutil.get_terminal_size((160, 24)).columns  # by COLUMNS, where that is a number
    return Console(file=stream, width=width, no_color=True, highlight=False, legacy_windows=False)


_reserved: TextIO | None = None


def reserve_stdout() -> None:
    """From now on stdout is for :func:`echo_json` alone; all else that is written goes to stderr.

    Also what plugins, networks, their threads and their exit handlers write to file descriptor 1.
    """
    global _reserved  # noqa: PLW0603  # there is one stdout
    sys.stdout.flush()
    _reserved = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)


def echo_json(document: Any) -> None:
    """The one JSON document of a ``--json`` command."""
    click.echo(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False), file=_reserved)


def check_writable(option: str, file: Path) -> None:
    """Refuse a file that cannot be written before minutes of work, not after them.

    Raises:
        UserError: there is no such folder, or it must not be written to.
    """
    from srbench.errors import UserError

    if not file.parent.is_dir():
        raise UserError(f"expected {option} in an existing folder, got {file}", "make the folder")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UserError(
            f"expected {option} to be writable, got {file}",
            "name a file that you may write, or change its permissions",
        )


def echo_keys(keys: Iterable[Key], indent: str) -> None:
    """What can be set: each key with type and default, and its meaning below."""
    for key in keys:
        click.echo(f"{indent}{key.name}: {key.kind}; {key.default_words}")
        if key.meaning:
            click.echo(f"{indent}    {key.meaning}")


def warn_broken(registry: Registry) -> None:
    """One line on stderr per plugin that could not be used."""
    for plugin in registry.plugins:
        if plugin.state in ("failed", "incompatible", "duplicate"):
            click.echo(
                f"warning: plugin {plugin.name!r} of {plugin.distribution} {plugin.version} is "
                f"{plugin.state}: {plugin.error}",
                err=True,
            )


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with the time left, for loops that call back with (done, total).

    Where stderr is no terminal, one plain line at the start is all.
    """
    screen = console(stderr=True)
    if not screen.is_terminal:
        screen.print(title, markup=False, highlight=False)
        yield lambda done, total: None
        return
    from rich.progress import Progress

    with Progress(console=screen, transient=True) as bar:
        task = bar.add_task(title.replace("[", "\\["), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
