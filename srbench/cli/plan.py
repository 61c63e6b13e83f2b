"""``srbench plan``: what a run would do, what is cached, and what the rest will take."""

from __future__ import annotations

import click


@click.command("plan", short_help="What a run would do, and what it will take.")
@click.argument("suite")
@click.option("--out", type=click.Path(file_okay=False), help="Default: runs/<suite name>.")
@click.option("--loss", "losses", multiple=True, metavar="LABEL", help="Only this row. Repeatable.")
@click.option(
    "--seed", "seeds", multiple=True, type=int, help="Instead of the suite's. Repeatable."
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: CUDA if there is one.")
@click.option("--jobs", type=click.IntRange(min=1), help="Workers at once.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
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

    from srbench.cli.output import echo_json, warn_broken
    from srbench.host import discover
    from srbench.run.environment import detect_device
    from srbench.run.estimate import estimate_jobs
    from srbench.run.layout import OutFolder
    from srbench.run.overview import jobs_to_measure, overview_lines, plan_overview
    from srbench.run.plan import make_plan
    from srbench.run.suite_run import default_jobs
    from srbench.suite import load_suite

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
    estimates = estimate_jobs(jobs_to_measure(plan, folder), say) if probe else None
    document = plan_overview(plan, folder, parallel=parallel, estimates=estimates)
    if as_json:
        echo_json(document)
        return
    for line in overview_lines(document):
        click.echo(line)
