"""``srbench verify``: recompute what a stranger submitted, or what the leaderboard publishes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srbench.devices import DEVICES, check_device

if TYPE_CHECKING:
    from srbench.verify import Verification
    from srbench.verify.check import Finding

MAX_SHOWN = 20


def _data(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    found = {}
    for value in values:
        name, equals, folder = value.rpartition("=")
        if not equals or not name or not folder:
            raise click.BadParameter(f"expected NAME=DIR, got {value!r}")
        found[name] = Path(folder)
    return found


class _LocalPath(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "://" in str(value):
            self.fail(f"expected a file or folder, got an address: {value}; download it first")
        return super().convert(value, param, ctx)


@click.command("verify", short_help="Recompute every score of a submission.")
@click.argument("submission", type=_LocalPath(path_type=Path))
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Recompute N rows, drawn at random; the seed is printed. Default: all that can be.",
)
@click.option("--sample-seed", metavar="TEXT", help="Draw the sample by TEXT, to repeat a draw.")
@click.option(
    "--leave",
    multiple=True,
    type=click.Choice(["past", "by-hash", "plugin", "curve", "data"]),
    help="Rows that may stay without recomputation: of protocols without hashes of images (past), "
    "with a generator that is known by hash, of a plugin's generator, with a curve whose ends are "
    "not here, with test images that are not here (data): the others are recomputed. Without it "
    "such a row is exit status 1, and missing images 2. Repeatable.",
)
@click.option(
    "--against",
    type=_LocalPath(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also compare with this published folder, and with the installed losses: known "
    "generators, labels, and what records say of their loss. Loads the installed plugins.",
)
@click.option(
    "--recomputed",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write what verified to DIR, with the scores and images made here: this is what to "
    "publish.",
)
@click.option(
    "--from-images",
    is_flag=True,
    help="Score the submitted PNG images of rows whose generator is not there.",
)
@click.option(
    "--data",
    multiple=True,
    callback=_data,
    metavar="NAME=DIR",
    help="Your own copy of a data set that is not found by name, such as folder:PATH. Repeatable.",
)
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option("--workers", type=click.IntRange(min=1), help="Images scored at once.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the marks to FILE (verification.json), each as soon as it is found; marks of rows "
    "not recomputed now are kept.",
)
@click.option(
    "--continue",
    "carry_on",
    is_flag=True,
    help="Recompute only what --report FILE does not say is verified: after an interruption, or "
    "where rows were added.",
)
@click.option(
    "--reproduced",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Outcome of a maintainer's `srbench reproduce RECORD --json`; needs --report. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def command(
    *,
    submission: Path,
    against: Path | None,
    recomputed: Path | None,
    workers: int | None,
    report: Path | None,
    reproduced: tuple[Path, ...],
    carry_on: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Check SUBMISSION and recompute its scores on your own copy of the test images.

    SUBMISSION is an archive that `srbench submit` wrote, or a folder such as leaderboard/. It is
    taken as hostile: nothing in it is unpacked, imported or run, and no plugin is loaded.

    Exit status: 0 every row that was asked for is verified; 1 differences, or a row that cannot be
    recomputed (see --leave); 2 not a submission, or test images that are not here.
    """
    from srbench.cli.eval import default_workers
    from srbench.cli.output import echo_json, progress_bar
    from srbench.errors import UserError
    from srbench.memory import keep_freed_memory
    from srbench.records.marks import read_marks
    from srbench.verify import merge_marks, read_reproduced, verify_submission, write_marks
    from srbench.verify.accepted import Accepted
    from srbench.verify.marks import MarksFile, verified_rows

    if reproduced and report is None:
        raise UserError("expected --report FILE beside --reproduced: the mark is written there")
    if carry_on and report is None:
        raise UserError("expected --report FILE beside --continue: the marks are read there")
    if carry_on and recomputed is not None:
        raise UserError(
            "expected --recomputed without --continue: rows that were verified before have no "
            "scores from here",
            "leave --continue out: all rows are then recomputed and written",
        )
    if "data" in options["leave"] and recomputed is not None:
        raise UserError(
            "expected --recomputed without --leave data: what is published is verified on all of "
            "its test images",
            "leave --leave data out, on a machine that has them",
        )
    outcomes = [read_reproduced(path) for path in reproduced]
    before = read_marks(report) if report is not None else {}
    check_device(options["device"])
    keep_freed_memory()
    with progress_bar(f"verifying {submission}") as progress:
        result = verify_submission(
            submission,
            also=_beside(against),
            recomputed=None if recomputed is None else Accepted(recomputed).add,
            known=verified_rows(before) if carry_on else {},
            listener=(lambda row: None) if report is None else MarksFile(report, before).add,
            workers=workers or default_workers(),
            progress=progress,
            **options,
        )
    if as_json:
        echo_json(result.document())
    else:
        _print(result)
    if report is not None:  # last: a disk that is full now costs no verdict
        write_marks(report, merge_marks(result, outcomes, before))
    if not result.verified:
        raise SystemExit(1)


def _beside(folder: Path | None) -> Finding:
    """What else is asked of a record: how it stands beside a published folder."""
    if folder is None:
        return lambda record: ()
    from srbench.app.declared import declared_differences
    from srbench.host import discover
    from srbench.verify.against import PublishedRows

    published, registry = PublishedRows(folder), discover()
    return lambda record: (
        *published.differences(record),
        *declared_differences(record, registry),
    )


def _print(result: Verification) -> None:
    from srbench.verify.difference import printable

    for row in result.rows:
        facts = row.facts
        scale = "" if facts.content_scale == 1 else f" x{facts.content_scale:g}"
        name = f"{facts.suite} {facts.label}{scale} seed {facts.seed}"
        how = f"from its {row.evidence}" if row.evidence in ("generator", "images") else ""
        click.echo(printable(f"{row.mark:16}{name}  {row.reason or how}".rstrip()))
        for difference in row.differences[:MAX_SHOWN]:
            click.echo(f"    {printable(difference.message)}")
        if len(row.differences) > MAX_SHOWN:
            click.echo(f"    and {len(row.differences) - MAX_SHOWN} more: --json lists them")
        for note in row.notes:
            click.echo(f"    note: {printable(note)}")
    for found in result.opinions:
        about = f"{found.raters} raters, {found.votes:,} votes on {found.suite}"
        click.echo(printable(f"{found.mark:16}opinions: {about}"))
        for message in found.differences[:MAX_SHOWN]:
            click.echo(f"    {printable(message)}")
    if result.sample_seed is not None:
        click.echo(f"the sample was drawn by: --sample-seed {printable(result.sample_seed)}")
    verdict = "scores-verified" if result.verified else "not verified"
    if result.recomputed + result.known == 0:
        verdict += ": no row could be recomputed"
    elif result.unasked:
        left = sorted({row.left or "" for row in result.unasked})
        verdict += f": {len(result.unasked)} rows were not recomputed ({', '.join(left)})"
    elif result.verified and result.absent:
        verdict = f"no difference without {printable(', '.join(result.absent))}, not here"
    known = f", {result.known} verified before" if result.known else ""
    click.echo(f"{verdict}: {result.recomputed} of {len(result.rows)} rows recomputed{known}")
