"""``srbench run``: train and score everything that a suite names and that is not done yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from srbench.run.layout import OutFolder
    from srbench.run.plan import Plan


@click.command("run", short_help="Run a suite: train, score, print the table.")
@click.argument("suite")
@click.option("--out", type=click.Path(file_okay=False), help="Default: runs/<suite name>.")
@click.option("--loss", "losses", multiple=True, metavar="LABEL", help="Only this row. Repeatable.")
@click.option(
    "--seed", "seeds", multiple=True, type=int, help="Instead of the suite's. Repeatable."
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: CUDA if there is one.")
@click.option("--executor", type=click.Choice(["local"]), default="local", show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), help="Workers at once.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@click.option("--dry-run", is_flag=True, help="Say what would run; start nothing.")
def command(
    suite: str,
    out: str | None,
    losses: tuple[str, ...],
    seeds: tuple[int, ...],
    device: str | None,
    executor: str,
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
    del executor
    from pathlib import Path

    from srbench.cli.output import warn_broken
    from srbench.host import discover
    from srbench.run.environment import detect_device
    from srbench.run.layout import OutFolder
    from srbench.run.plan import make_plan
    from srbench.run.suite_run import default_jobs
    from srbench.suite import load_suite

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
        _print_plan(plan, folder)
        return
    _execute(plan, folder, parallel)


def _execute(plan: Plan, folder: OutFolder, parallel: int) -> None:
    from srbench.cli.output import console, stop_on_sigterm
    from srbench.report import print_leaderboard
    from srbench.run.progress import RunProgress
    from srbench.run.suite_run import check_ready
    from srbench.workflow import run_and_report

    check_ready(plan)
    stop_on_sigterm()
    with RunProgress(console(stderr=True), folder, plan.jobs) as progress:
        result = run_and_report(plan, folder, progress, parallel=parallel)
    print_leaderboard(result.leaderboard, console())
    click.echo(f"\nTable: {result.out}/leaderboard.{{csv,json,md}}", err=True)
    click.echo(f"Pictures: {result.out}/comparisons, {result.out}/plots", err=True)
    for line in result.failed:
        click.echo(f"failed: {line}", err=True)
    if result.failed:
        raise SystemExit(1)


def _print_plan(plan: Plan, folder: OutFolder) -> None:
    suite = plan.suite
    click.echo(f"suite {suite.name} version {suite.version}, track {suite.track}: {suite.summary}")
    click.echo(
        f"device {plan.device}, {plan.threads} threads per job, seeds "
        f"{', '.join(str(s) for s in sorted({c.seed for c in plan.cells}))}"
    )
    for job in plan.jobs:
        state = "reuse" if folder.result(job.key).exists() else "run"
        click.echo(f"  {state:6} {job.title}")
    for problem in plan.inputs.problems:
        click.echo(f"missing: {problem}")
