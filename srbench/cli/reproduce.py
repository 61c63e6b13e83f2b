"""``srbench reproduce``: rerun one record from itself alone, and compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srbench.devices import DEVICES

if TYPE_CHECKING:
    from srbench.records import Record


@click.command("reproduce", short_help="Rerun one record from itself alone, and compare.")
@click.argument("record", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Work folder.")
@click.option("--device", type=click.Choice(DEVICES), help="Default: the record's.")
@click.option("--lock", type=click.Path(path_type=Path), help="Write the versions as requirements.")
@click.option("--dry-run", is_flag=True, help="Only say what differs here; run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def command(
    record: Path,
    out: Path | None,
    device: str | None,
    lock: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Rerun the row of RECORD from its own suite and compare generator and scores.

    First comes what differs here: versions, processor, training data, weights. --lock FILE writes
    the versions of a fixed list of packages for `pip install --no-deps -r FILE`, with which a rerun
    on the same kind of processor is bit for bit the same. On a GPU that holds only for records
    made with execution.deterministic; of others the means are compared. Exit status: 0 the same
    scores, or alike where no more can be expected; 1 other scores.
    """
    from srbench.app.reproduction import Reproduction
    from srbench.cli.interrupts import stop_on_sigterm
    from srbench.cli.output import console, echo_json
    from srbench.host import discover
    from srbench.records import read_record
    from srbench.records.layout import OutFolder

    def say(line: str) -> None:
        click.echo(line, err=True)

    original = read_record(record)
    if lock is not None:
        _lock(original, lock, say)
    work = Reproduction(original, discover(), device=device, pull=not dry_run, say=say)
    differences = work.differences()
    for line in differences:
        say(f"differs: {line}")
    if not differences:
        say("nothing differs between the record's environment and this one")
    say(f"to expect on {work.device}: {work.expectation()}")
    if lock is None and any(
        line.startswith(("package ", "python", "srbench")) for line in differences
    ):
        say("--lock FILE writes the versions for `pip install --no-deps -r FILE`")
    if dry_run:
        if as_json:
            echo_json(_document(original, differences, None))
        return
    folder = OutFolder(out or Path("runs") / f"reproduce-{original.key[:12]}")
    stop_on_sigterm()
    comparison = work.run(folder, console(stderr=True))
    if as_json:
        echo_json(_document(original, differences, comparison.document()))
    else:
        for line in comparison.lines():
            click.echo(line)
    if not comparison.as_expected:
        raise SystemExit(1)


def _lock(record: Record, path: Path, say: Callable[[str], None]) -> None:
    from srbench.app.lock import lock_file
    from srbench.errors import visible
    from srbench.files import write_atomic
    from srbench.weights.index import announced_hashes

    lock = lock_file(record, announced_hashes)
    write_atomic(path, lock.text)
    without = "" if lock.hashed else ", without hashes: the index gave none for some of them"
    say(f"wrote {path}{without}: pip install --no-deps -r {path}")
    for other in lock.others:
        say(f"not in it: {visible(other)!r}"[:300])


def _document(
    record: Record, differences: list[str], comparison: dict[str, Any] | None
) -> dict[str, Any]:
    """The JSON outcome; `srbench verify --reproduced` takes it, for exactly this record."""
    from srbench.records import record_sha256

    return {
        "record": record.key,
        "record_sha256": record_sha256(record),
        "differences": differences,
        "comparison": comparison,
    }
