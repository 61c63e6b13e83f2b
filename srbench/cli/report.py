"""``srbench report``: the table of one or more out folders, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.completion import folder_rows

if TYPE_CHECKING:
    from srbench.report import Leaderboard


@click.command("report")
@click.argument(
    "folders", metavar="OUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout; no file is written.")
@click.option(
    "--dataset", "datasets", multiple=True, metavar="NAME", help="Show only this data set."
)
@click.option(
    "--seed", "seeds", multiple=True, type=int, help="Count this seed. Default: those of the suite."
)
@click.option("--suite", metavar="NAME|HASH", help="Only this suite, by name or start of its hash.")
@click.option("--full", is_flag=True, help="All tables, statistics, costs and explanations.")
@click.option("--plots", is_flag=True, help="Also draw the plots (SVG and PNG).")
@click.option(
    "--compare",
    nargs=2,
    metavar="LABEL LABEL",
    shell_complete=folder_rows,
    help="Also draw the image-by-image difference of these two rows.",
)
@click.option(
    "--to",
    "destination",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where leaderboard.{csv,json,md} go; by default the out folder, if only one is given "
    "and `srbench publish` did not write it.",
)
def command(
    *,
    folders: tuple[Path, ...],
    as_json: bool,
    datasets: tuple[str, ...],
    seeds: tuple[int, ...],
    suite: str | None,
    full: bool,
    plots: bool,
    compare: tuple[str, str] | None,
    destination: Path | None,
) -> None:
    """Print the leaderboard of OUT folders and write leaderboard.csv, .json and .md.

    On the screen a line for each row and the verdict; --full prints all that there is.

    Several folders, from several machines, make one table; each suite has its own, and so have
    versions, other settings, tracks and protocols of one suite.
    """
    from srbench.records import record_files
    from srbench.records.generators import of_suite
    from srbench.records.starts import FILE as STARTS_FILE
    from srbench.report import build_leaderboard, load_records, split_by_table
    from srbench.report.authority import own_suite
    from srbench.report.people import load_opinions

    records = of_suite(load_records(folders), suite)
    for seed in seeds:
        _check_name("seed", str(seed), {str(record.seed) for record in records})
    own, heard = own_suite(folders), load_opinions(folders)
    tables = split_by_table(records)
    boards = [build_leaderboard(group, heard, suite=own, seeds=seeds) for group in tables.values()]
    for name in datasets:
        _check_name("data set", name, {d for board in boards for d in board.datasets})
    for label in compare or ():
        _check_name("row", label, {row.label for board in boards for row in board.rows})
    if as_json:
        _print_json(boards)
        return
    _print_tables(boards, datasets, full=full)
    if destination is None and len(folders) == 1:
        # Outputs do not lie among inputs: of OUT/records the folder is OUT.
        destination = record_files(folders[0])[0].parent.parent
        if (destination / STARTS_FILE).is_file():
            # What `publish` wrote is not written over by who only looks at it.
            click.echo("no file is written into a published folder; give --to DIR", err=True)
            return
    if destination is None:
        click.echo("no file is written for several folders; give --to DIR", err=True)
        return
    from srbench.report.render.site.names import table_names

    named = dict(zip(table_names(list(tables)).values(), boards, strict=True))
    for path in _write(named, destination, plots=plots, compare=compare):
        click.echo(f"wrote {path}", err=True)


def _check_name(kind: str, name: str, known: set[str]) -> None:
    from srbench.errors import unknown_name

    if name not in known:
        raise unknown_name(f"{kind} of these records", name, known)


def _print_json(boards: list[Leaderboard]) -> None:
    from srbench.cli.output import echo_json
    from srbench.report.render.document import leaderboard_document

    documents = [leaderboard_document(board) for board in boards]
    echo_json(documents[0] if len(documents) == 1 else documents)


def _print_tables(boards: list[Leaderboard], datasets: tuple[str, ...], *, full: bool) -> None:
    from srbench.cli.output import console
    from srbench.report import print_leaderboard, print_summary

    out = console()
    show = print_leaderboard if full else print_summary
    first = True
    for board in boards:
        shown = [dataset for dataset in board.datasets if dataset in datasets]
        if shown or not datasets:
            if not first:
                out.print()
            show(board, out, datasets=shown or None)
            first = False


def _write(
    boards: dict[str, Leaderboard], out: Path, *, plots: bool, compare: tuple[str, str] | None
) -> list[Path]:
    """The tables in one file of each form; of several, each one's pictures in its own folder."""
    from srbench.report import write_plots
    from srbench.report.render.files import write_leaderboards

    paths = list(write_leaderboards(boards, out))
    for name, board in boards.items():
        place = out / name if len(boards) > 1 else out
        if plots:
            paths += write_plots(board, place)
        if compare is not None and {row.label for row in board.rows} >= set(compare):
            from srbench.report.render.matplotlib import write_comparison

            paths += write_comparison(board, place, *compare)
    return paths
