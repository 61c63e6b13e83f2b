"""``srbench plan``: what a run would do, what is cached, and what the rest will take."""

from __future__ import annotations

import click

from srbench.cli.suite_options import Prepare, suite_options


@click.command("plan", short_help="What a run would do, and what it will take.")
@suite_options
@click.option(
    "--probe/--no-probe", default=True, help="Measure a few iterations of each kind of job."
)
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def command(prepare: Prepare, probe: bool, as_json: bool) -> None:
    """Show the jobs of SUITE: which are cached, which would run, and what those will take.

    Nothing is trained and the out folder is not touched. Floating-point operations, memory and
    hours come from a few seconds of each kind of job on this device; --no-probe leaves them out and
    answers at once. Weights that the measured losses need are fetched.
    """
    from srbench.app.overview import jobs_to_measure, overview_lines, plan_overview
    from srbench.cli.interrupts import stop_on_sigterm
    from srbench.cli.output import echo_json
    from srbench.run.exec.estimate import estimate_jobs

    prepared = prepare(pull=probe)
    plan, out = prepared.plan, prepared.out
    stop_on_sigterm()  # a process that measures must not outlive this one
    estimates = None
    if probe:
        jobs = jobs_to_measure(plan, out)
        estimates = estimate_jobs(jobs, lambda line: click.echo(line, err=True))
    document = plan_overview(plan, out, parallel=prepared.parallel, estimates=estimates)
    if as_json:
        echo_json(document)
        return
    for line in overview_lines(document):
        click.echo(line)
