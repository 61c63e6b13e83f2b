"""What the shell offers after the tab key: suites, losses, metrics, rows. Never torch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import click

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _starting(names: Callable[[click.Context], Iterable[str]]) -> Complete:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del param
        return sorted(name for name in names(ctx) if name.startswith(incomplete))

    return complete


def _suites(ctx: click.Context) -> Iterable[str]:
    from srbench.settings.load import known_suites

    del ctx
    return [*known_suites(), *(str(path) for path in Path().glob("*.toml"))]


def _losses(ctx: click.Context) -> Iterable[str]:
    from srbench.host import discover

    del ctx
    return discover().losses


def _metrics(ctx: click.Context) -> Iterable[str]:
    from srbench.host import discover

    del ctx
    return discover().metrics


def _suite_rows(ctx: click.Context) -> Iterable[str]:
    """Labels of the suite that stands before, and the installed losses."""
    from srbench.errors import SrbenchError
    from srbench.settings import expand_losses, load_suite

    labels: list[str] = []
    for suite in _before(ctx, "suite")[:1]:
        with contextlib.suppress(SrbenchError):  # a mistake in it is told when it is run
            labels = [row.label for row in expand_losses(load_suite(suite))]
    return [*labels, *_losses(ctx)]


def _folder_rows(ctx: click.Context) -> Iterable[str]:
    """Labels of the records in the folders that stand before."""
    from srbench.errors import SrbenchError
    from srbench.records import read_records

    folders = [Path(path) for path in _before(ctx, "folders") or _before(ctx, "checkpoint")]
    with contextlib.suppress(SrbenchError):  # no out folder
        return {record.loss.label for record in read_records(folders)}
    return ()


def _before(ctx: click.Context, name: str) -> list[str]:
    """What stands before the cursor as that argument; before an option's value click has not read
    it.
    """
    given = ctx.params.get(name) or ctx.args[:1]
    return [str(item) for item in ([given] if isinstance(given, (str, Path)) else given)]


suites, losses, metrics = _starting(_suites), _starting(_losses), _starting(_metrics)
suite_rows, folder_rows = _starting(_suite_rows), _starting(_folder_rows)
