"""What ``srbench run`` and ``srbench plan`` both take: a suite, and what of it, where."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from srbench.cli import completion
from srbench.devices import DEVICES

if TYPE_CHECKING:
    from srbench.app.prepare import Prepared

_DECORATORS = (
    click.argument("suite", shell_complete=completion.suites),
    click.option("--out", type=click.Path(file_okay=False), help="Default: runs/<suite name>."),
    click.option(
        "--loss",
        "losses",
        multiple=True,
        metavar="LABEL",
        shell_complete=completion.suite_rows,
        help="Only this row; or an installed loss as a row of its own: vgg16,tap=conv4_3. "
        "Repeatable.",
    ),
    click.option(
        "--seed", "seeds", multiple=True, type=int, help="Instead of the suite's. Repeatable."
    ),
    click.option("--device", type=click.Choice(DEVICES), help="Default: CUDA if there is one."),
    click.option("--jobs", type=click.IntRange(min=1), help="Workers at once."),
    click.option(
        "--starts",
        metavar="LEADERBOARD",
        help="Folder or address of a leaderboard: its warm starts and calibration are taken, and "
        "with --loss that row alone is trained.",
    ),
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting."
    ),
)

Prepare = Callable[..., "Prepared"]
"""Plans what the user asks for: ``pull`` fetches missing weights, the rest is told to `prepare`."""


def suite_options(function: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command: its first argument is a :data:`Prepare`."""

    @functools.wraps(function)
    def command(**given: Any) -> None:
        names = ("suite", "out", "losses", "seeds", "device", "jobs", "starts", "overrides")
        wish = {name: given.pop(name) for name in names}

        def prepared(*, pull: bool, **more: Any) -> Prepared:
            from srbench.app.prepare import prepare
            from srbench.cli.output import warn_broken
            from srbench.host import discover

            registry = discover()
            warn_broken(registry)
            say = functools.partial(click.echo, err=True)
            return prepare(**wish, **more, registry=registry, pull=pull, say=say)

        function(prepare=prepared, **given)

    result: Callable[..., None] = command
    for decorate in reversed(_DECORATORS):
        result = decorate(result)
    return result
