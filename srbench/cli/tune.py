"""``srbench tune``: the regime of a suite, found on the held-out images."""

from __future__ import annotations

import click

from srbench.devices import DEVICES


@click.command("tune", short_help="Find a suite's regime with an equal budget per candidate.")
@click.argument("suite")
@click.option(
    "--try",
    "tries",
    multiple=True,
    metavar="KEY=V,V...",
    help="A setting and its values; candidates are all combinations. Repeatable. Default: four "
    "adversarial weights.",
)
@click.option("--loss", "label", metavar="LABEL", help="Default: the calibration's reference.")
@click.option(
    "--iterations", type=click.IntRange(min=1), help="Per candidate; default: the suite's."
)
@click.option(
    "--budget",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="dB of PSNR that the chosen one may lie below its warm start.",
)
@click.option("--out", type=click.Path(file_okay=False), help="Default: runs/<suite name>-tuning.")
@click.option("--device", type=click.Choice(DEVICES), help="Default: CUDA if there is one.")
@click.option("--jobs", type=click.IntRange(min=1), help="Workers at once.")
@click.option("--json", "as_json", is_flag=True, help="The trials as JSON on stdout.")
def command(
    suite: str,
    tries: tuple[str, ...],
    label: str | None,
    iterations: int | None,
    budget: float,
    out: str | None,
    device: str | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Train one loss of SUITE for one seed under every candidate, as long as every other.

    Judged on the held-out training images: of the candidates whose game lives and that lie within
    the PSNR budget of their warm start, the one with the best rank metric is chosen. Test sets are
    not read. All trials, the chosen and the others, are kept in OUT/trials.json; the same command
    continues after any kind of end.

    Example: srbench tune quick --try adversarial.adversarial_weight=0.03,0.1,0.3
    --try adversarial.random_offset=0,8
    """
    import json
    from dataclasses import asdict
    from pathlib import Path

    from srbench.app.tuning import tune
    from srbench.cli.interrupts import stop_on_sigterm
    from srbench.cli.output import console
    from srbench.screen import Sheet

    stop_on_sigterm()
    trials = tune(
        suite, console(stderr=True), tries=tries, label=label, iterations=iterations,
        budget=budget, out=Path(out) if out else None, device=device, jobs=jobs,
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps([asdict(trial) for trial in trials], indent=1))
        return
    names = list(dict.fromkeys(name for trial in trials for name in trial.scores))
    rows = []
    for trial in trials:
        scores = (f"{trial.scores[n]:.4g}" if n in trial.scores else "-" for n in names)
        mark = "*" if trial.chosen else ""
        rows.append((mark, *trial.settings.values(), trial.game, *scores))
    heads = ("", *trials[0].settings, "game", *(f">{name}" for name in names))
    Sheet.of(heads, rows, keep=1 + len(trials[0].settings)).print(console())
    start = trials[0].start
    click.echo("warm start: " + ", ".join(f"{n} {start[n]:.4g}" for n in names if n in start))
    if not any(trial.chosen for trial in trials):
        click.echo("no candidate has a game that lives within the budget", err=True)
        raise SystemExit(1)
