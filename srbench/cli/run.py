"""``srbench run``: train and score everything that a suite names and that is not done yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from srbench.cli.suite_options import suite_options

if TYPE_CHECKING:
    from srbench.run.layout import OutFolder
    from srbench.run.plan.planning import Plan


@click.command("run", short_help="Run a suite: train, score, print the table.")
@suite_options
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="This machine, or all machines of a Ray cluster.",
)
@click.option(
    "--storage",
    metavar="URL",
    help="With ray and no shared disk: where jobs' files travel through.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run; start nothing.")
def command(
    suite: str,
    out: str | None,
    losses: tuple[str, ...],
    seeds: tuple[int, ...],
    device: str | None,
    executor: str,
    storage: str | None,
    jobs: int | None,
    overrides: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Train the SRGAN of SUITE with each of its losses, score all rows, and print the table.

    SUITE is a path or the name of a file in benchmarks/. Finished work is reused: rerunning the
    same command continues after any kind of end. --loss takes labels of the suite, and adds an
    installed loss under its default parameters; reference rows always run.

    Exit status: 0 done, 1 some jobs failed (the table shows why), 2 a mistake in the input.
    """
    from pathlib import Path

    from srbench.cli.output import warn_broken
    from srbench.errors import UserError
    from srbench.host import discover
    from srbench.run.layout import OutFolder
    from srbench.run.plan.environment import detect_device
    from srbench.run.plan.overview import overview_lines, plan_overview
    from srbench.run.plan.planning import make_plan
    from srbench.run.suite_run import default_jobs
    from srbench.settings import load_suite

    if storage is not None and executor != "ray":
        raise UserError(
            "expected --storage together with --executor ray",
            "on one machine, or with a shared disk, the out folder is the storage: use --out",
        )
    loaded = load_suite(suite, overrides)
    registry = discover()
    warn_broken(registry)
    device = device or detect_device()
    parallel = jobs or default_jobs(loaded, device)
    plan = make_plan(
        loaded,
        registry,
        device=device,
        only=losses,
        seeds=seeds,
        parallel=parallel,
        pull=not dry_run,
        say=lambda line: click.echo(line, err=True),
    )
    folder = OutFolder(Path(out) if out else Path("runs") / loaded.name)
    if dry_run:
        for line in overview_lines(plan_overview(plan, folder, parallel=parallel)):
            click.echo(line)
        return
    cluster = Cluster(at_once=jobs, storage=storage) if executor == "ray" else None
    _execute(plan, folder, parallel, cluster)


class Cluster(NamedTuple):
    """What the command line says of a Ray cluster."""

    at_once: int | None
    storage: str | None


def _execute(plan: Plan, folder: OutFolder, parallel: int, cluster: Cluster | None) -> None:
    from srbench.cli.output import console, stop_on_sigterm
    from srbench.report import print_leaderboard
    from srbench.run.exec.progress import RunProgress
    from srbench.run.exec.ray_cluster import RayExecutor
    from srbench.run.layout import writing_to
    from srbench.run.suite_run import check_ready
    from srbench.workflow import run_and_report

    check_ready(plan)
    stop_on_sigterm()
    with writing_to(folder), RunProgress(console(stderr=True), folder, plan.jobs) as progress:
        executor = None
        if cluster is not None:
            executor = RayExecutor(
                out=folder,
                observer=progress,
                device=plan.device,
                threads=plan.threads,
                parallel=cluster.at_once,
                storage=cluster.storage,
            )
        result = run_and_report(plan, folder, progress, parallel=parallel, executor=executor)
    print_leaderboard(result.leaderboard, console())
    click.echo(f"\nTable: {result.out}/leaderboard.{{csv,json,md}}", err=True)
    click.echo(f"Page: {result.page}", err=True)
    click.echo(f"Pictures: {result.out}/comparisons, {result.out}/plots", err=True)
    for line in result.failed:
        click.echo(f"failed: {line}", err=True)
    if result.failed:
        raise SystemExit(1)
