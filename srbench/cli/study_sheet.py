"""``srbench study sheet``: the same crops of every row, to look at."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click


def budget_of(ctx: click.Context, param: click.Parameter, value: str) -> float | None:
    """A negative number of dB, or ``none``."""
    if value == "none":
        return None
    try:
        budget = float(value)
    except ValueError:
        budget = 0.0
    if not -20.0 < budget < 0.0:
        raise click.BadParameter(f"expected a negative number of dB or none, got {value!r}")
    return budget


@click.command("sheet")
@click.argument(
    "folders", metavar="OUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--to", "path", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="The picture: .png, or .webp (lossless).")  # fmt: skip
@click.option("--loss", "labels", multiple=True, metavar="LABEL",
              help="A row of the table. Repeatable. Default: all trained rows that are finished "
              "and reach the budget.")  # fmt: skip
@click.option("--images", default=12, show_default=True, type=click.IntRange(1, 100),
              help="Test images, evenly spaced over the data set.")  # fmt: skip
@click.option("--dataset", metavar="NAME", help="Default: the suite's main test set.")
@click.option("--seed", type=int, help="Of the runs. Default: the lowest.")
@click.option("--budget", default="-0.5", show_default=True, callback=budget_of, metavar="DB|none",
              help="Where on their curves rows are compared, if all have curves.")  # fmt: skip
@click.option("--crop", default=64, show_default=True, type=click.IntRange(16, 512),
              help="Side of the squares, pixels of the image.")  # fmt: skip
@click.option("--zoom", default=2, show_default=True, type=click.IntRange(1, 8))
def sheet(
    folders: tuple[Path, ...],
    path: Path,
    images: int,
    crop: int,
    zoom: int,
    budget: float | None,
    **chosen: Any,
) -> None:
    """Draw the same crops of every row in OUT folders on one sheet, HR first, bicubic last.

    Of each image the square where bicubic differs most from HR: no row has a say in it.
    """
    from srbench.cli.output import progress_bar
    from srbench.files import write_atomic
    from srbench.report.crop_sheet import crop_sheet
    from srbench.study.crops import crops_of
    from srbench.study.sources import read_rows

    if path.suffix not in (".png", ".webp"):
        raise click.BadParameter(f"expected a name that ends in .png or .webp, got {path.name!r}")
    rows = read_rows(folders, budget=budget, **chosen)
    with progress_bar(f"making {path}") as progress:
        found = crops_of(rows, images=images, side=crop, progress=progress)
    data = io.BytesIO()
    crop_sheet(found, zoom=zoom).save(data, format=path.suffix[1:].upper(), lossless=True)
    write_atomic(path, data.getvalue())
    at = "as trained" if budget is None else f"at {budget:g} dB where their curves are"
    click.echo(f"{path}: {len(found)} rows, {images} crops of {rows.dataset}, {at}")
    if rows.left_out:
        click.echo(f"left out, no curve reaches {budget:g} dB: {', '.join(rows.left_out)}")
