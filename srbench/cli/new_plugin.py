"""``srbench new-plugin``: a ready plugin folder, its own tests passing."""

from __future__ import annotations

import click


@click.command("new-plugin", short_help="Write a new plugin with a loss in it.")
@click.argument("name")
@click.option("--out", type=click.Path(), help="Folder to write to; default: ./srbench-NAME.")
def command(name: str, out: str | None) -> None:
    """Write a complete distribution with the loss NAME: code, tests that pass, README.

    NAME is the loss's name in kebab-case, for example my-loss.
    """
    from pathlib import Path

    from srbench.checks.generate import PREFIX, write_plugin
    from srbench.host import discover

    folder = Path(out if out is not None else PREFIX + name)
    written = write_plugin(name, folder)
    for path in written:
        click.echo(str(path))
    taken = discover().losses.get(name)
    if taken is not None:
        click.echo(
            f"warning: a loss {name!r} is already installed, from {taken.distribution}; with both "
            f"installed it is called {PREFIX}{name}:{name}",
            err=True,
        )
    click.echo(
        f"\nnext:\n  pip install -e '{folder}[test]'\n  srbench check {name}\n"
        f"  pytest {folder}\n  srbench run quick --loss {name}",
        err=True,
    )
