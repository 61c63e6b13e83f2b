"""``srbench certify``: the certificate of a device, for people."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("certify", short_help="Show the certificate of a GPU.")
@click.option(
    "--show", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE"
)
def command(file: Path) -> None:
    """Print the certificate in FILE: the device, its driver, torch, and how each test went.

    `make certify` writes it, in a checkout of the source (srbench docs gpu). The exit status is 1
    if a test failed.
    """
    from srbench.errors import visible
    from srbench.records.certificate import read_certificate

    found = read_certificate(file)
    for name, value in found.model_dump(exclude={"certificate", "results"}).items():
        click.echo(f"{name.replace('_', ' ')}: {visible(str(value))}")
    for name, result in found.results.items():
        figures = ", ".join(f"{what} {value}" for what, value in result.figures.items())
        said = visible(": ".join(text for text in (result.reason, figures) if text))
        click.echo(f"{result.outcome:8}{result.seconds:8.1f} s  {visible(name)}  {said}".rstrip())
    outcomes = [result.outcome for result in found.results.values()]
    counts = {kind: outcomes.count(kind) for kind in ("passed", "skipped", "failed")}
    click.echo(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    if counts["failed"]:
        click.get_current_context().exit(1)
