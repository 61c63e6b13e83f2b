"""``srbench run``: train and score everything that a suite names and that is not done yet."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from srbench.cli.completion import suite_rows
from srbench.cli.suite_options import Prepare, suite_options
from srbench.errors import UserError
from srbench.run.exec.backends import BACKENDS
from srbench.run.work.loggers import LOGGERS


@click.command("run", short_help="Run a suite: train, score, print the table.")
@suite_options
@click.option(
    "--executor",
    type=click.Choice(list(BACKENDS)),
    default="local",
    show_default=True,
    help="This machine, all machines of a Ray cluster, or jobs of Slurm.",
)
@click.option(
    "--executor-option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Of Slurm: timeout_min=60, slurm_partition=gpu; of Ray: num_gpus=0.5; see "
    "docs/running.md. Repeatable.",
)
@click.option(
    "--storage",
    metavar="URL",
    help="With ray and no shared disk: where jobs' files travel through.",
)
@click.option(
    "--fresh",
    multiple=True,
    metavar="LABEL",
    shell_complete=suite_rows,
    help="Train this row anew, and all that starts from it. Repeatable.",
)
@click.option(
    "--accept-code-change",
    is_flag=True,
    help="Keep results of a loss whose code was edited under one version.",
)
@click.option(
    "--logger",
    "loggers",
    multiple=True,
    metavar="NAME",
    help=f"Of {', '.join(LOGGERS)}: what writes the curves. Default: tensorboard. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run; start nothing.")
def command(
    *,
    prepare: Prepare,
    executor: str,
    options: tuple[str, ...],
    storage: str | None,
    fresh: tuple[str, ...],
    accept_code_change: bool,
    loggers: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Train the SRGAN of SUITE with each of its losses, score all rows, and print the table.

    SUITE is a path or the name of a file in benchmarks/. Finished work is reused: rerunning the
    same command continues after any kind of end. --loss takes labels of the suite, and adds an
    installed loss, with parameters after commas; reference rows run too, but for --starts.

    Exit status: 0 done, 1 some jobs failed (the table shows why), 2 a mistake in the input.
    """
    from srbench.app.execute import execute
    from srbench.app.overview import overview_lines, plan_overview
    from srbench.cli.interrupts import stop_on_sigterm
    from srbench.cli.output import console
    from srbench.report import print_summary

    prepared = prepare(pull=not dry_run, executor=executor, loggers=loggers)
    if dry_run:
        overview = plan_overview(prepared.plan, prepared.out, parallel=prepared.parallel)
        for line in overview_lines(overview):
            click.echo(line)
        return
    for warning in prepared.plan.inputs.warnings:
        click.echo(f"warning: {warning}", err=True)
    stop_on_sigterm()
    result = execute(
        prepared, console(stderr=True), executor=executor, storage=storage, fresh=fresh,
        executor_options=_options(options), accept_code_change=accept_code_change,
        command=shlex.join(["srbench", *sys.argv[1:]]),
    )  # fmt: skip
    print_summary(result.leaderboard, console())
    click.echo(f"All of it: srbench report {result.out} --full", err=True)
    click.echo(f"Table: {result.out}/leaderboard.{{csv,json,md}}", err=True)
    click.echo(f"Page: {result.page}", err=True)
    click.echo(f"Pictures: {result.out}/comparisons, {result.out}/plots", err=True)
    for line in result.failed:
        click.echo(f"failed: {line}", err=True)
    if result.failed:
        raise SystemExit(1)


def _options(pairs: tuple[str, ...]) -> dict[str, Any]:
    from srbench.settings.toml_text import read_value

    for pair in pairs:
        if "=" not in pair:
            raise UserError(f"expected --executor-option KEY=VALUE, got: {pair}")
    return {key: read_value(value) for key, _, value in (pair.partition("=") for pair in pairs)}
