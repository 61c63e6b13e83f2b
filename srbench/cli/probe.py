"""``srbench probe``: what losses see and what they cost, without training."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srbench.cli import completion
from srbench.devices import DEVICES

if TYPE_CHECKING:
    from srbench.host import Registry, ResolvedLoss
    from srbench.probe import Probe
    from srbench.probe.against import Association
    from srbench.records import Record

_MEANINGS = (
    "high freq.: share of the gradient's energy above 1/4 cycle per pixel",
    "checkers: its energy at periods 2 and 4, against the neighbouring frequencies; 1x is level",
    "grid: unevenness of its energy over a 4 x 4 grid; 0 is even",
    "shift, blur, jpeg, texture: the noise that costs as much, over the change itself; L2 is 1",
    "reach: extent of the gradient of one wrong pixel; 95 %: diameter of 95 % of its energy",
)


@click.command("probe", short_help="What losses see and what they cost, without training.")
@click.argument("losses", nargs=-1, metavar="LOSS...", shell_complete=completion.losses)
@click.option(
    "--against",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="OUT",
    help="Probe the losses of a finished run and correlate every figure with its scores.",
)
@click.option("--size", type=click.IntRange(32, 240), default=96, show_default=True)
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False), help="Write the comparing picture there.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
def command(
    losses: tuple[str, ...],
    against: Path | None,
    size: int,
    device: str,
    out: str | None,
    as_json: bool,
) -> None:
    """Measure each LOSS on fixed photographs and compare them in a table (and, with --out, a
    picture).

    LOSS is a name, with parameters after commas: vgg16,tap=conv5_3,distance=l1
    """
    from srbench.cli.output import check_writable, echo_json, warn_broken
    from srbench.errors import UserError
    from srbench.host import discover

    if out is not None:
        check_writable("--out", Path(out))
    if size % 4:
        raise UserError(f"expected a size that is a multiple of 4, got {size}")
    if bool(losses) == (against is not None):
        raise UserError("expected either losses to probe, or --against OUT with a run's folder")
    registry = discover()
    warn_broken(registry)
    if against is not None:
        _against(registry, against, size, device, as_json)
        return
    resolved = [(text, _resolve(registry, text)) for text in losses]
    probes = [_probe(label, loss, size, device) for label, loss in resolved]
    if as_json:
        echo_json([_without_nan(probe.as_document()) for probe in probes])
    else:
        _print_table(probes)
    if out is not None:  # last: a disk that is full now costs no figure
        from srbench.probe import draw

        draw(probes, Path(out))


def _against(registry: Registry, folder: Path, size: int, device: str, as_json: bool) -> None:
    from srbench.cli.output import echo_json
    from srbench.probe.against import associate, figures, largest_table, outcomes
    from srbench.records import read_records

    records = largest_table(read_records([folder]))
    losses = _losses_of(records, registry)
    probes = {
        label: figures(_probe(label, loss, size, device).as_document())
        for label, loss in losses.items()
    }
    found = associate(probes, outcomes(records))
    if as_json:
        echo_json({"probes": probes, "correlations": [asdict(item) for item in found]})
    else:
        _print_associations(found, len(probes))


def _losses_of(records: list[Record], registry: Registry) -> dict[str, ResolvedLoss]:
    """The rows' losses as they are installed; what cannot be probed is named and left out."""
    from srbench.host import resolve_loss

    losses: dict[str, ResolvedLoss] = {}
    for record in records:
        label, terms = record.loss.label, record.loss.terms
        if label in losses or not terms or record.status != "finished":
            continue
        if len(terms) > 1:
            click.echo(f"left out: {label} is a sum of losses", err=True)
            continue
        loss = resolve_loss(registry.loss(terms[0].name), terms[0].params)
        if loss.spec.version != terms[0].version:
            click.echo(
                f"left out: {label} was trained with version {terms[0].version} of "
                f"{terms[0].name}, installed is {loss.spec.version}",
                err=True,
            )
            continue
        losses[label] = loss
    return losses


def _print_associations(found: tuple[Association, ...], rows: int) -> None:
    from srbench.cli.output import console
    from srbench.screen import Sheet

    cells = [
        (
            item.figure, item.dataset, item.metric,
            "-" if item.spearman is None else f"{item.spearman:+.2f}",
            "-" if item.low is None or item.high is None
            else f"{item.low:+.2f} to {item.high:+.2f}",
            str(item.rows),
        )
        for item in found
    ]  # fmt: skip
    heads = ("figure", "data set", "metric", ">Spearman", "95 % interval", ">n")
    Sheet.of(heads, cells, title=f"probe against outcomes, {rows} losses", keep=3).print(console())


def _resolve(registry: Registry, text: str) -> ResolvedLoss:
    from srbench.host import resolve_loss
    from srbench.settings.loss_text import parse_loss

    name, params = parse_loss(text)
    return resolve_loss(registry.loss(name), params)


def _probe(label: str, loss: ResolvedLoss, size: int, device: str) -> Probe:
    from srbench.contract import BuildContext
    from srbench.host import build_loss
    from srbench.probe import probe_loss
    from srbench.weights import WeightStore

    context = BuildContext(weights=WeightStore(loss.spec.weights), patch_size=size, device=device)
    return probe_loss(build_loss(loss, context).to(device), label, size=size, device=device)


def _without_nan(document: dict[str, Any]) -> dict[str, Any]:
    values = document["sensitivity"]
    plain = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return {**document, "sensitivity": plain}


def _print_table(probes: list[Probe]) -> None:
    from srbench.cli.output import console
    from srbench.screen import Sheet, say

    heads = (
        "loss", ">gradient", ">high freq.", ">checkers", ">grid",
        *(f">{name}" for name in probes[0].sensitivity), ">reach", ">95 %",
        ">GFLOPs", ">activations", ">weights",
    )  # fmt: skip
    rows = [
        (
            probe.label,
            f"{probe.gradient_norm:.3g}",
            f"{probe.bands[-1]:.0%}",
            f"{probe.checkerboard_excess:.1f}x",
            f"{probe.grid_unevenness:.2f}",
            *(f"{value:.2f}" for value in probe.sensitivity.values()),
            f"{'>=' if probe.reach_is_cut else ''}{probe.reach} px",
            f"{probe.reach_95} px",
            f"{probe.gflops:.1f}",
            f"{probe.activations_mb:.0f} MB",
            f"{probe.weights_mb:.0f} MB",
        )
        for probe in probes
    ]
    out = console()
    Sheet.of(heads, rows, title=f"measured at {probes[0].size} px").print(out)
    for line in _MEANINGS:
        say(out, line)
