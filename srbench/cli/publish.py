"""``srbench publish``: out folders to a static site."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click


@click.command("publish", short_help="Write the leaderboard's site from out folders.")
@click.argument(
    "folders", metavar="OUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--to",
    "destination",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The published folder, for example leaderboard/.",
)
@click.option(
    "--images",
    type=click.IntRange(min=0),
    metavar="N",
    help="Test images shown of each data set, evenly spaced by difficulty.  [default: 8]",
)
@click.option(
    "--readme",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Also put the table between the markers in this Markdown file.",
)
@click.option(
    "--space",
    is_flag=True,
    help="Head the folder's README.md as a static Space of Hugging Face wants it.",
)
@click.option(
    "--url",
    default="",
    metavar="URL",
    help="Where the folder is served: links to it then show the plane (OpenGraph).",
)
@click.option("--json", "as_json", is_flag=True, help="What was written, as JSON on stdout.")
def command(
    *,
    folders: tuple[Path, ...],
    destination: Path,
    images: int | None,
    readme: Path | None,
    space: bool,
    url: str,
    as_json: bool,
) -> None:
    """Write the site of OUT folders: tables, plots, a page per loss and per image, downloads.

    The folder works from the disk and from any web host; nothing in it is loaded from elsewhere.
    Publishing again replaces what was published before and leaves other files alone. To keep
    earlier rows, give the published folder itself as one more OUT.
    """
    from srbench.cli.output import echo_json
    from srbench.errors import UserError
    from srbench.report.render.site import BUDGET, IMAGES, publish
    from srbench.report.render.site.readme import head_for_space

    if url and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc):
        raise UserError(f"expected an address such as https://example.org/leaderboard, got {url}")
    if space:
        head_for_space(destination)
    done = publish(
        folders,
        destination,
        images=IMAGES if images is None else images,
        readme=readme,
        address=url,
    )
    if done.bytes > BUDGET:
        click.echo(
            f"warning: the folder holds {done.bytes / 1e6:.0f} MB, more than "
            f"{BUDGET / 1e6:.0f} MB: show fewer images with --images",
            err=True,
        )
    if as_json:
        echo_json(
            {
                "index": str(done.index),
                "records": done.records,
                "files": len(done.sizes),
                "bytes": done.bytes,
            }
        )
        return
    click.echo(
        f"{done.records} records, {len(done.sizes)} files, {done.bytes / 1e6:.1f} MB: {done.index}"
    )
