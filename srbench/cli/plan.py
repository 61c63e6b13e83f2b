"""``srbench plan``: what a run would do, what is cached, and what the rest will take."""

from __future__ import annotations

import click

from srbench.cli.suite_options import suite_options


@click.command("plan", short_help="What a run would do, and what it will take.")
@suite_options
@click.option(
    "--probe/--no-probe", default=True, help="Measure a few iterations of each kind of job."
)
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def command(
    suite: str,
    out: str | None,
    losses: tuple[str, ...],
    seeds: tuple[int, ...],
    device: str | None,
    jobs: int | None,
    overrides: tuple[str, ...],
    probe: bool,
    as_json: bool,
) -> None:
    """Show the jobs of SUITE: which are cached, which would run, and what those will take.

    Nothing is trained and the out folder is not touched. Floating-point operations, memory and
    hours come from a few seconds of each kind of job on this device; --no-probe leaves them out and
    answers at once. Weights that the measured losses need are fetched.
    """
    from pathlib import Path

    from srbench.cli.output import echo_json, stop_on_sigterm, warn_broken
    from srbench.host import discover
    from srbench.run.layout import OutFolder
    from srbench.run.plan.environment import detect_device
    from srbench.run.plan.estimate import estimate_jobs
    from srbench.run.plan.overview import jobs_to_measure, overview_lines, plan_overview
    from srbench.run.plan.planning import make_plan
    from srbench.run.suite_run import default_jobs
    from srbench.settings import load_suite

    def say(line: str) -> None:
        click.echo(line, err=True)

    loaded = load_suite(suite, overrides)
    registry = discover()
    warn_broken(registry)
    device = device or detect_device()
    parallel = jobs or default_jobs(loaded, device)
    plan = make_plan(
        loaded, registry, device=device, only=losses, seeds=seeds, parallel=parallel, pull=probe,
        say=say,
    )  # fmt: skip
    folder = OutFolder(Path(out) if out else Path("runs") / loaded.name)
    stop_on_sigterm()  # a process that measures must not outlive this one
    estimates = estimate_jobs(jobs_to_measure(plan, folder), say) if probe else None
    document = plan_overview(plan, folder, parallel=parallel, estimates=estimates)
    if as_json:
        echo_json(document)
        return
    for line in overview_lines(document):
        click.echo(line)
