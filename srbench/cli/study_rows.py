"""Options that say which rows of which runs are looked at, and where on their curves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click


def _budget(ctx: click.Context, param: click.Parameter, value: str) -> float | None:
    if value == "none":
        return None
    try:
        budget = float(value)
    except ValueError:
        budget = 0.0
    if not -20.0 < budget < 0.0:
        raise click.BadParameter(f"expected a negative number of dB or none, got {value!r}")
    return budget


_OPTIONS = (
    click.argument(
        "folders", metavar="OUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
    ),
    click.option("--loss", "labels", multiple=True, metavar="LABEL",
                 help="A row of the table, also bicubic, warm-start or hr. Repeatable. Default: "
                 "all trained rows that are finished and reach the budget."),
    click.option("--dataset", metavar="NAME", help="Default: the suite's main test set."),
    click.option("--seed", type=int, help="Of the runs. Default: the lowest."),
    click.option("--budget", default="-0.5", show_default=True, callback=_budget,
                 metavar="DB|none",
                 help="Where on their curves rows are compared, if all have curves."),
)  # fmt: skip


def row_options(function: Callable[..., None]) -> Callable[..., None]:
    """The decorated command gets ``folders, labels, dataset, seed, budget`` for ``read_rows``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
