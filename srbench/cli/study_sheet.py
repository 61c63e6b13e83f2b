"""``srbench study sheet``: the same crops of every row, to look at."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click

from srbench.cli.study_rows import row_options


@click.command("sheet")
@row_options
@click.option("--to", "path", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="The picture: .png, or .webp (lossless).")  # fmt: skip
@click.option("--images", default=12, show_default=True, type=click.IntRange(1, 100),
              help="Test images, evenly spaced over the data set.")  # fmt: skip
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
    shown = min(images, len(rows.names))
    at = "as trained" if rows.rows[0][0].budget is None else f"at {budget:g} dB"
    click.echo(f"{path}: {len(found)} rows, {shown} crops of {rows.dataset}, {at}")
    if rows.left_out:
        click.echo(f"left out, no curve reaches {budget:g} dB: {', '.join(rows.left_out)}")
