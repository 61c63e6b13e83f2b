"""``srbench runs``: what lies in out folders, what it cost, and what can be removed."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("runs")
def command() -> None:
    """What lies in out folders, what it cost, and what can be removed."""


@command.command("list")
@click.argument("root", default="runs", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def list_(root: Path, as_json: bool) -> None:
    """One line per out folder at or below ROOT (default: runs)."""
    from srbench.cli.output import echo_json
    from srbench.run.housekeeping import find_runs, summarise_run

    found = [summarise_run(out) for out in find_runs(root)]
    if as_json:
        echo_json(found)
        return
    for run in found:
        click.echo(
            f"{run['out']}: {run['suite']} version {run['version']}; {run['finished']} finished, "
            f"{run['failed']} failed, {run['collapsed']} collapsed; {run['hours']:.2f} h; "
            f"{run['bytes'] / 2**20:.1f} MiB"
        )
    if not found:
        click.echo(f"no runs at or below {root}", err=True)


@command.command("show")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def show(out: Path, as_json: bool) -> None:
    """Every job of the out folder OUT: its state, cost and size, and why it failed."""
    from srbench.cli.output import echo_json
    from srbench.run.housekeeping import describe_jobs, open_run

    jobs = describe_jobs(open_run(out))
    if as_json:
        echo_json(jobs)
        return
    for job in jobs:
        seconds = "" if job["seconds"] is None else f"  {job['seconds']:.0f} s"
        reason = f"  {job['reason']}" if job["reason"] else ""
        click.echo(
            f"{job['state']:9}  {job['title']}{seconds}  {job['bytes'] / 2**20:.1f} MiB  "
            f"{job['key'][:12]}{reason}"
        )


@command.command("gc")
@click.argument("outs", metavar="OUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--delete", is_flag=True, help="Remove them; without it this is a dry run.")
@click.option("--unfinished", is_flag=True, help="Also jobs of other settings that never finished.")
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def gc(outs: tuple[Path, ...], delete: bool, unfinished: bool, as_json: bool) -> None:
    """Remove checkpoints of finished jobs, and results, images and logs that no record names.

    A dry run unless --delete is given. Records, scores and the generators that records name are
    never removed, nor anything of a job that is running.
    """
    from srbench.cli.output import echo_json
    from srbench.run.housekeeping import collect_garbage, garbage, open_run

    folders = [open_run(out) for out in outs]
    found = [item for out in folders for item in garbage(out, unfinished=unfinished)]
    if delete:
        found = collect_garbage(found)
    if as_json:
        echo_json([item.document() for item in found])
        return
    for item in found:
        click.echo(f"{item.bytes / 2**20:9.1f} MiB  {item.path}  ({item.reason})")
    total = sum(item.bytes for item in found) / 2**20
    done = "removed" if delete else "would be removed; --delete removes it"
    click.echo(f"{len(found)} items, {total:.1f} MiB {done}")
