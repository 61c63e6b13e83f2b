"""``srbench plugins``: every plugin that was found and what became of it."""

from __future__ import annotations

import click


@click.command("plugins", short_help="List the installed plugins and their state.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
@click.option("--traceback", is_flag=True, help="Show the tracebacks of broken plugins.")
def command(as_json: bool, traceback: bool) -> None:
    """List the installed plugins: ok, failed, blocked, duplicate or incompatible."""
    from srbench.cli.output import console, echo_json
    from srbench.host import discover

    registry = discover()
    if as_json:
        echo_json(
            [
                {
                    "name": p.name,
                    "distribution": p.distribution,
                    "version": p.version,
                    "state": p.state,
                    "error": p.error or None,
                    "traceback": p.traceback or None,
                    "losses": list(p.losses),
                    "metrics": list(p.metrics),
                    "generators": list(p.generators),
                }
                for p in registry.plugins
            ]
        )
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(registry.plugins)} plugins", title_justify="left")
    for column in ("distribution", "version", "plugin", "state", "provides", "error"):
        table.add_column(column, overflow="fold")
    for p in registry.plugins:
        counts = {"losses": p.losses, "metrics": p.metrics, "generators": p.generators}
        provides = ", ".join(f"{len(names)} {what}" for what, names in counts.items() if names)
        cells = (p.distribution, p.version, p.name, p.state, provides, p.error)
        table.add_row(*(Text(cell) for cell in cells))
    console().print(table)
    for p in registry.plugins:
        if traceback and p.traceback:
            console().print(Text(f"\n{p.distribution}:{p.name}\n{p.traceback}"))
    if not traceback and any(p.traceback for p in registry.plugins):
        console().print(Text("`srbench plugins --traceback` shows where the broken ones failed."))
