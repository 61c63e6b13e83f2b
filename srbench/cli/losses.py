"""``srbench losses``: what is installed, without importing torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from srbench.cli import completion

if TYPE_CHECKING:
    from srbench.contract import WeightFile
    from srbench.host import RegisteredLoss, Registry

_SHOWN = (
    "task", "backbone", "pretrained_on", "saw_test_images", "trains_on_metrics",
    "shares_network_with", "min_size", "license", "paper",
)  # fmt: skip


@click.command("losses", short_help="List the installed losses, or describe one.")
@click.argument("name", required=False, shell_complete=completion.losses)
@click.option("--task", help="Only losses whose network was pretrained for this task.")
@click.option("--backbone", help="Only losses of this architecture.")
@click.option(
    "--commercial",
    is_flag=True,
    help="Only losses whose authors state a licence that allows commercial use.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
def command(
    name: str | None, task: str | None, backbone: str | None, commercial: bool, as_json: bool
) -> None:
    """List the installed losses with task, backbone, weights and licence.

    With NAME, describe that loss and its parameters. NAME may have parameters after commas, which
    are then settled: timm,model=resnet50.a1_in1k
    """
    from srbench.cli.output import echo_json, warn_broken
    from srbench.contract.licences import allows_commercial_use
    from srbench.errors import unknown_name
    from srbench.host import discover

    registry = discover()
    warn_broken(registry)
    if name is not None:
        _describe(registry, name, as_json)
        return
    for kind, wanted in (("task", task), ("backbone", backbone)):
        known = {getattr(loss.spec, kind) for loss in registry.losses.values()}
        if wanted is not None and wanted not in known:
            raise unknown_name(kind, wanted, known)
    rows = [
        (name, loss)
        for name, loss in registry.losses.items()
        if (task is None or loss.spec.task == task)
        and (backbone is None or loss.spec.backbone == backbone)
        and (not commercial or allows_commercial_use(loss.spec.license))
    ]
    if as_json:
        echo_json([_document(name, loss) for name, loss in rows])
        return
    _print_table(rows)


def _describe(registry: Registry, text: str, as_json: bool) -> None:
    from dataclasses import asdict, replace

    from rich.filesize import decimal

    from srbench.cli.output import echo_json, echo_keys
    from srbench.host import resolve_loss
    from srbench.settings.describe import describe
    from srbench.settings.loss_text import SYNTAX, parse_loss
    from srbench.weights import is_cached

    name, params = parse_loss(text)
    registered = registry.loss(name)
    spec = resolve_loss(registered, params).spec if params else registered.spec
    document = _document(name, replace(registered, spec=spec))
    keys = () if spec.params is None else describe(spec.params)
    if as_json:
        echo_json({**document, "params": [asdict(key) for key in keys]})
        return
    click.echo(f"{name}: {spec.summary}")
    for field in ("distribution", "version", *_SHOWN):
        value = document[field]
        told = ", ".join(value) if isinstance(value, list) else str(value)
        if told:
            click.echo(f"  {field.replace('_', ' ')}: {told}")
    for file in spec.weights:
        state = "cached" if is_cached(file) else _source(file)
        size = f", {decimal(file.size)}" if file.size else ""
        click.echo(f"  weights: {file.id}{size} ({state}); {file.license}")
    click.echo("  parameters:" if keys else "  it takes no parameters")
    echo_keys(keys, "    ")
    taps = getattr(spec.params, "known_taps", lambda: None)()
    if taps:
        click.echo(f"  taps: {', '.join(sorted(taps))}")
    if keys:
        click.echo(f"  written as: {SYNTAX}")


def _document(name: str, loss: RegisteredLoss) -> dict[str, Any]:
    from srbench.weights import is_cached

    spec = loss.spec
    return {
        "name": name,
        "version": spec.version,
        "distribution": loss.distribution,
        "plugin": loss.plugin,
        "task": spec.task,
        "backbone": spec.backbone,
        "pretrained_on": spec.pretrained_on,
        "summary": spec.summary,
        "license": spec.license,
        "paper": spec.paper,
        "min_size": spec.min_size,
        "params": [] if spec.params is None else list(spec.params.model_fields),
        "saw_test_images": list(spec.saw_test_images),
        "trains_on_metrics": list(spec.trains_on_metrics),
        "shares_network_with": list(spec.shares_network_with),
        "weights": [
            {
                "id": file.id,
                "license": file.license,
                "cached": is_cached(file),
                "size": file.size,
                "sources": [type(source).__name__ for source in file.sources],
            }
            for file in spec.weights
        ],
    }


def _print_table(rows: list[tuple[str, RegisteredLoss]]) -> None:
    from srbench.cli.output import console
    from srbench.screen import Sheet, brief, counted, say

    heads = ("loss", "task", "weights", "backbone", "licence", "pretrained on")
    cells = [
        (
            name,
            loss.spec.task,
            _weights(loss.spec.weights),
            loss.spec.backbone,
            brief(loss.spec.license),
            brief(loss.spec.pretrained_on),
        )
        for name, loss in rows
    ]
    out = console()
    Sheet.of(heads, cells, title=counted(len(rows), "loss")).print_most(out)
    say(out, "srbench losses NAME: all of one, with its parameters")


def _weights(files: Sequence[WeightFile]) -> str:
    """How much there is to load, and where from; sizes as the files are, in decimal units."""
    from rich.filesize import decimal

    from srbench.weights import is_cached

    if not files:
        return "none"
    sources = dict.fromkeys("cached" if is_cached(file) else _source(file) for file in files)
    size = sum(file.size for file in files)
    return f"{decimal(size)}, {', '.join(sources)}" if size else ", ".join(sources)


def _source(file: WeightFile) -> str:
    from srbench.contract import HubSource, PyPISource

    kinds = {
        "PyPI" if isinstance(s, PyPISource) else "hub" if isinstance(s, HubSource) else "URL"
        for s in file.sources
    }
    return "/".join(sorted(kinds)) or "no source"
