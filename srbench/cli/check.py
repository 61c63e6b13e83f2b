"""``srbench check``: the conformance checks on one loss, or on all losses of a distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from srbench.cli import completion

if TYPE_CHECKING:
    from srbench.checks import CheckResult, LossReport
    from srbench.host import Registry

SEEDED_NOTE = "seeded random weights in the real layout, NOT the pretrained ones"


@click.command("check", short_help="Check a loss, or a plugin's losses, against the contract.")
@click.argument("name", shell_complete=completion.losses)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A parameter of it.")
@click.option("--only", multiple=True, metavar="CHECK", help="Run this check only. Repeatable.")
@click.option(
    "--seeded-weights", "seeded", is_flag=True, help="Random weights in the real ones' layout."
)
@click.option("--time-limit", type=float, default=120.0, show_default=True, help="Seconds a check.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    settings: tuple[str, ...],
    only: tuple[str, ...],
    seeded: bool,
    time_limit: float,
    as_json: bool,
) -> None:
    """Run the conformance checks on NAME, a loss or an installed distribution.

    A loss may have parameters after commas: vgg16,tap=conv5_3,distance=l1

    The exit status is 1 if any check failed. A failure that the loss declares in known_failures
    counts as expected; one that it declares and that does not happen is a failure.

    Checks that need pretrained weights fetch them. Where they cannot be had, --seeded-weights runs
    with random values instead, and the output says so.
    """
    from srbench.cli.output import echo_json
    from srbench.settings.loss_text import parse_loss, parse_params

    name, params = parse_loss(name)
    params |= parse_params(settings)
    losses = _losses(name)
    reports = [
        _check(loss, owner, params, only, seeded=seeded, limit=time_limit, quiet=as_json)
        for loss, owner in losses
    ]
    if as_json:
        documents = [report.as_document() for report in reports]
        echo_json(documents[0] if _is_one_loss(name, losses) else documents)
    if not all(report.passed for report in reports):
        ctx.exit(1)


def _is_one_loss(name: str, losses: list[tuple[str, str]]) -> bool:
    return len(losses) == 1 and losses[0][0] == name


def _losses(name: str) -> list[tuple[str, str]]:
    """``(loss, distribution)`` of everything that NAME stands for; a loss before a distribution."""
    from srbench.cli.output import warn_broken
    from srbench.errors import PluginError
    from srbench.host import discover

    registry = discover()
    if name not in registry.losses:
        mine = [p for p in registry.plugins if _same(p.distribution, name)]
        for plugin in mine:
            if plugin.state not in ("ok", "duplicate"):
                raise PluginError(
                    f"expected a working plugin of {plugin.distribution} {plugin.version}, got "
                    f"one that is {plugin.state}: {plugin.error}",
                    "`srbench plugins --traceback` shows where",
                )
        found = _of_distribution(registry, name)
        if found:
            warn_broken(registry)
            return found
        if mine:
            raise PluginError(
                f"expected a distribution with losses, got {name!r}, which provides none"
            )
    warn_broken(registry)
    return [(name, registry.loss(name).distribution)]


def _of_distribution(registry: Registry, name: str) -> list[tuple[str, str]]:
    return [
        (loss, found.distribution)
        for loss, found in registry.losses.items()
        if _same(found.distribution, name)
    ]


def _same(one: str, other: str) -> bool:
    return one.lower().replace("_", "-") == other.lower().replace("_", "-")


def _check(
    loss: str,
    distribution: str,
    params: dict[str, Any],
    only: tuple[str, ...],
    *,
    seeded: bool,
    limit: float,
    quiet: bool,
) -> LossReport:
    from srbench.checks.runner import run_checks

    if seeded:
        click.echo(f"{loss}: {SEEDED_NOTE}", err=True)
    if not quiet:
        click.echo(f"{loss} ({distribution})")
    report = run_checks(
        loss,
        distribution=distribution,
        params=params,
        seeded=seeded,
        only=only,
        time_limit=limit,
        progress=(lambda result: None) if quiet else _print_result,
    )
    if not quiet:
        click.echo(_summary(report))
    return report


def _print_result(result: CheckResult) -> None:
    first, *more = result.detail.strip().splitlines() or [""]
    click.echo(f"  {result.outcome:<8} {result.name}  {first}".rstrip())
    for line in more:
        click.echo(f"    {line}".rstrip())


def _summary(report: LossReport) -> str:
    counts = {
        outcome: sum(check.outcome == outcome for check in report.checks)
        for outcome in ("passed", "failed", "xfailed", "skipped")
    }
    parts = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    weights = SEEDED_NOTE if report.weights == "seeded" else f"weights: {report.weights}"
    return f"{report.loss}: {'passed' if report.passed else 'FAILED'} ({parts}; {weights})"
