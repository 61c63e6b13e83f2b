"""``srbench plugins``: every plugin that was found and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from srbench.host import PluginInfo


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
    from rich.text import Text

    from srbench.errors import visible
    from srbench.screen import Sheet, say

    out = console()
    rows = [(p.distribution, p.version, p.name, p.state, _provides(p)) for p in registry.plugins]
    Sheet.of(("distribution", "version", "plugin", "state", "provides"), rows).print_most(out)
    for p in registry.plugins:
        if p.error:
            say(out, f"{p.distribution}:{p.name} is {p.state}: {p.error}", whole=True)
        if traceback and p.traceback:
            out.print(Text(visible(p.traceback)), soft_wrap=True)
    if not traceback and any(p.traceback for p in registry.plugins):
        say(out, "`srbench plugins --traceback` shows where the broken ones failed.")


def _provides(plugin: PluginInfo) -> str:
    from srbench.screen import counted

    counts = {"loss": plugin.losses, "metric": plugin.metrics, "generator": plugin.generators}
    return ", ".join(counted(len(names), what) for what, names in counts.items() if names)
