"""``srbench data``: which data sets are here, get them, decode them ahead of a run, check them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.output import console, echo_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from srbench.data import Dataset, DatasetInfo, ImageStore, StoreProgress
    from srbench.data.verify import VerifiedDataset


@click.group("data")
def command() -> None:
    """Training and test images.

    Folders of images are looked up in SRBENCH_DATA (several roots are separated by ':') and ./data.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to stdout and nothing else.")
def list_command(as_json: bool) -> None:
    """List the known data sets, where they are, and how to get those missing."""
    from srbench.data import describe_datasets

    infos = describe_datasets()
    if as_json:
        echo_json([_as_json(info) for info in infos])
    else:
        _print_list(infos)


_to = click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of data sets to write into [the first of SRBENCH_DATA, else ./data].",
)


@command.command("get")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--accept-terms", is_flag=True, help="You have read the terms and keep to them.")
@_to
def get_command(names: tuple[str, ...], accept_terms: bool, to: Path | None) -> None:
    """Download data sets whose owners allow it, and check that they are the known copies.

    The owners' terms are shown first and must be accepted. Sets without such terms are assembled
    from an archive that you have: `srbench data assemble`.
    """
    import shutil

    from srbench.data.assemble import assemble, fetch, recipe_with_origin

    by_archive: dict[str, list[str]] = {}
    for name in names:
        _, origin = recipe_with_origin(name)
        by_archive.setdefault(origin.file, []).append(name)
    for wanted in by_archive.values():
        _, origin = recipe_with_origin(wanted[0])
        if origin.url is not None:
            click.echo(f"{', '.join(wanted)}: {origin.terms}", err=True)
            if not accept_terms:
                click.confirm("Do you keep to these terms?", abort=True, err=True)
        archive = fetch(origin)
        try:
            for name in wanted:
                _say_assembled(name, *assemble(name, archive, root=to))
        finally:
            shutil.rmtree(archive.parent)


@command.command("assemble")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--from",
    "archive",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The archive as its owners publish it (.zip, .tar, .tgz).",
)
@_to
def assemble_command(names: tuple[str, ...], archive: Path, to: Path | None) -> None:
    """Make data sets from an archive that you have: pick their images out and check them.

    Where srbench knows the copy that the leaderboard is scored on, the pixels must be that copy's.
    """
    from srbench.data.assemble import assemble

    for name in names:
        _say_assembled(name, *assemble(name, archive, root=to))


def _say_assembled(name: str, folder: Path, digest: str) -> None:
    from srbench.data.recipes import RECIPES

    recipe = RECIPES[name]
    known = "the leaderboard's copy" if recipe.pixels_sha256 else "no known copy to compare with"
    click.echo(f"{name}: {recipe.images} images in {folder} ({known})")
    click.echo(f"  pixels     {digest}")


@command.command("prepare")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--count", type=click.IntRange(min=1), help="A seeded subset of that many images.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the subset.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Images decoded at once [one per core]."
)
def prepare_command(
    names: tuple[str, ...], count: int | None, seed: int, workers: int | None
) -> None:
    """Decode data sets into the memory-mapped store, so that a run finds them ready.

    NAME is a data set of `srbench data list` or folder:PATH. Stopped at any moment, it goes on
    where it was when run again.
    """
    from srbench.data import find_dataset

    for name in names:
        dataset = find_dataset(name, count=count, seed=seed)
        _prepare_one(dataset, workers)


@command.command("verify")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--count", type=click.IntRange(min=1), help="A seeded subset of that many images.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the subset.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to stdout and nothing else.")
def verify_command(names: tuple[str, ...], count: int | None, seed: int, as_json: bool) -> None:
    """Read data sets completely: every image decodes, every pixel of a store is as it was made.

    Prints the hash over names and contents that records carry as the data manifest.
    """
    from srbench.data import find_dataset
    from srbench.data.verify import verify_dataset

    results = []
    for name in names:
        report = verify_dataset(find_dataset(name, count=count, seed=seed))
        results.append(
            {
                "name": report.manifest.name,
                "images": report.manifest.count,
                "sha256": report.manifest.sha256,
                "files_sha256": report.manifest.files_sha256,
                "pixels_sha256": report.pixels_sha256,
                "store": None if report.store is None else str(report.store.folder),
            }
        )
        if not as_json:
            state = "no store yet" if report.store is None else "its store is intact"
            click.echo(f"{name}: {report.manifest.count} images decode, {state}")
            click.echo(f"  manifest   {report.manifest.sha256}")
            click.echo(f"  file list  {report.manifest.files_sha256}")
            click.echo(f"  pixels     {report.pixels_sha256}{_which_copy(name, report, count)}")
    if as_json:
        echo_json(results)


def _which_copy(name: str, report: VerifiedDataset, count: int | None) -> str:
    """Whether these are the images of the published scores, where that is known."""
    from srbench.data.recipes import RECIPES

    known = RECIPES[name].pixels_sha256 if name in RECIPES and count is None else None
    if known is None:
        return ""
    same = report.pixels_sha256 == known
    return (
        " (the leaderboard's copy)" if same else f" (another copy than the leaderboard's {known})"
    )


def _as_json(info: DatasetInfo) -> dict[str, str | int | None]:
    return {
        "name": info.name,
        "summary": info.summary,
        "images": info.images,
        "folder": None if info.folder is None else str(info.folder),
        "found": info.found,
        "get": info.get,
    }


def _print_list(infos: tuple[DatasetInfo, ...]) -> None:
    from srbench.screen import say

    out = console()
    for info in infos:
        say(out, f"{info.name}: {info.summary}", whole=True)
        if info.folder is None:
            say(out, f"    missing: {info.get}", whole=True)
            continue
        whole = info.found is None or info.images in (None, info.found)
        count = "" if whole else f" ({info.found} of {info.images} images)"
        say(out, f"    in {info.folder}{count}", whole=True)


def _prepare_one(dataset: Dataset, workers: int | None) -> ImageStore:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from srbench.data import prepare_store

    out = console(stderr=True)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=out, disable=not out.is_terminal)
    # Until 13.9 rich ends the line of a bar that it was told not to show.
    with bar if out.is_terminal else contextlib.nullcontext():
        store = prepare_store(dataset, workers=workers, progress=_reporter(dataset, bar))
    click.echo(f"{dataset.name}: {len(store)} images ready in {store.folder}")
    return store


def _reporter(dataset: Dataset, bar: Progress) -> Callable[[StoreProgress], None]:
    """Says what the store will take before it is begun, then moves the bar."""
    task = bar.add_task(dataset.name, total=len(dataset))
    told = False

    def report(state: StoreProgress) -> None:
        nonlocal told
        if not told:
            click.echo(
                f"{dataset.name}: {state.total} images, {state.disk_bytes / 1e9:.2f} GB in "
                f"{state.folder.parent} ({state.free_bytes / 1e9:.1f} GB free), "
                f"{state.done} done before",
                err=True,
            )
            told = True
        bar.update(task, completed=state.done)

    return report
