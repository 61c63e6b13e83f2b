"""``srbench submit``: pack a finished run for the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from srbench.records import Record
    from srbench.verify.pack import Locate


@click.command("submit", short_help="Pack a finished run for the leaderboard.")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.zip",
    help="The archive to write. Default: <name of OUT>.zip in this folder.",
)
@click.option(
    "--loss",
    "only",
    multiple=True,
    metavar="LABEL",
    help="Only this row, and those that nobody trained. Repeatable. Default: all rows.",
)
@click.option("--images", is_flag=True, help="Also the SR images (PNG, lossless).")
@click.option(
    "--no-generators",
    is_flag=True,
    help="Leave out the weights; needs --images, which alone can then be scored.",
)
@click.option("--pr-text", is_flag=True, help="Print the text of the pull request, in Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def command(
    *,
    out: Path,
    output: Path | None,
    only: tuple[str, ...],
    images: bool,
    no_generators: bool,
    pr_text: bool,
    as_json: bool,
) -> None:
    """Pack the records, trained generators and suite of OUT into one archive.

    The same run gives the same bytes. `srbench docs submitting` says what happens to a submission.
    """
    from srbench.cli.output import echo_json
    from srbench.errors import UserError
    from srbench.verify import pack_submission

    if no_generators and not images:
        raise UserError(
            "without generators only images can be scored", "give --images too: submit OUT --images"
        )
    target = output or Path(f"{out.resolve().name}.zip")
    if target.suffix != ".zip":
        raise UserError(f"expected a file name that ends in .zip, got {target}")
    packed = pack_submission(
        out,
        target,
        only=only,
        locate=_locator(out) if images else None,
        with_generators=not no_generators,
    )
    if as_json:
        document = {
            "path": str(packed.path),
            "bytes": packed.bytes,
            "records": packed.records,
            "generators": packed.generators,
            "images": packed.images,
            "by_hash": list(packed.by_hash),
        }
        echo_json(document)
        return
    said = (
        f"{packed.path}: {packed.bytes / 2**20:.1f} MiB, {packed.records} records, "
        f"{packed.generators} generators, {packed.images} images"
    )
    click.echo(said, err=pr_text)
    if pr_text:
        from srbench.records import read_records
        from srbench.report.request import request_text
        from srbench.verify.pack import chosen_rows

        rows = chosen_rows(read_records([out]), only)
        click.echo(request_text(rows, packed.path, packed.bytes), nl=False)
    for name in packed.by_hash:
        click.echo(f"by hash only, its generator is not there: {name}", err=True)
    click.echo(f"check it as a reviewer would: srbench verify {packed.path}", err=True)


def _locator(out: Path) -> Locate:
    from srbench.records.layout import OutFolder, row_folder

    folder = OutFolder(out)

    def locate(record: Record, dataset: str, image: str) -> Path:
        row = row_folder(record.loss.label, record.seed, record.content_scale)
        return folder.images(dataset, row) / f"{image}.png"

    return locate
