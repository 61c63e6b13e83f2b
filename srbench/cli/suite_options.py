"""What ``srbench run`` and ``srbench plan`` both take: a suite, and what of it, where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

_DECORATORS = (
    click.argument("suite"),
    click.option("--out", type=click.Path(file_okay=False), help="Default: runs/<suite name>."),
    click.option(
        "--loss", "losses", multiple=True, metavar="LABEL", help="Only this row. Repeatable."
    ),
    click.option(
        "--seed", "seeds", multiple=True, type=int, help="Instead of the suite's. Repeatable."
    ),
    click.option(
        "--device", type=click.Choice(["cpu", "cuda"]), help="Default: CUDA if there is one."
    ),
    click.option("--jobs", type=click.IntRange(min=1), help="Workers at once."),
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting."
    ),
)


def suite_options(function: Function) -> Function:
    """Decorate a command: ``suite, out, losses, seeds, device, jobs, overrides``."""
    for decorate in reversed(_DECORATORS):
        function = decorate(function)
    return function
