"""Which of many records is meant: of which suite, of which row, and where its generator is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from srbench.errors import UserError, unknown_name
from srbench.records.io import read_records
from srbench.records.schema import Record


def trained_record(
    folder: Path, label: str | None, seed: int | None = None, suite: str | None = None
) -> Record:
    """The record of a trained row of an out folder or a published one.

    Args:
        label: of the row.
        seed: by default the first that has a generator; of several content scales, that nearest 1.
        suite: name of a suite or start of its hash, where rows of several have the label. Of
            several versions of a suite the newest counts.

    Raises:
        UserError: no such row, seed or suite, or rows of several suites.
    """
    trained = [r for r in read_records([folder]) if "generator" in r.artifacts]
    labels = sorted({record.loss.label for record in trained})
    if label is None:
        raise UserError(
            f"expected --row with an out folder, got {folder} alone",
            f"its rows with a generator: {', '.join(labels) or 'none'}",
        )
    mine = [record for record in trained if record.loss.label == label]
    if not mine:
        raise unknown_name("row with a generator", label, labels)
    mine = _of_one_table(of_suite(mine, suite), label)
    seeds = sorted({record.seed for record in mine})
    if seed is not None and seed not in seeds:
        known = ", ".join(map(str, seeds))
        raise UserError(f"expected a seed of row {label!r}, got {seed}", f"it has {known}")
    wanted = seeds[0] if seed is None else seed
    return min(
        (r for r in mine if r.seed == wanted), key=lambda r: (abs(r.content_scale - 1), r.key)
    )


def of_suite(records: Sequence[Record], suite: str | None) -> list[Record]:
    """Those of the suite of this name, or whose hash, or table's, starts so; ``None``: all.

    Raises:
        UserError: there are none.
    """
    found = [
        record
        for record in records
        if suite is None
        or record.suite.name == suite
        or record.suite.conditions.startswith(suite)
        or record.suite.sha256.startswith(suite)  # what a table's title shows
    ]
    if suite is not None and not found:
        raise unknown_name("suite of these records", suite, {r.suite.name for r in records})
    return found


def _of_one_table(records: Sequence[Record], label: str) -> list[Record]:
    names = sorted({record.suite.name for record in records})
    if len(names) > 1:
        raise UserError(
            f"expected one row {label!r}, got rows of the suites {', '.join(names)}",
            "choose one with --suite",
        )
    newest = max(map(_table, records))
    return [record for record in records if _table(record) == newest]


def _table(record: Record) -> tuple[int, str]:
    return record.suite.version, record.suite.conditions


def generator_file(folder: Path, record: Record, artifact: str = "generator") -> Path:
    """A file of a record's generators.

    Args:
        folder: where the record is.
        artifact: ``generator``, or ``warm-start``, from which it was trained.

    Raises:
        UserError: the record names none, or it is not in the folder.
    """
    row = f"row {record.loss.label!r}, seed {record.seed}"
    if artifact not in record.artifacts:
        raise UserError(f"expected a record that names its {artifact}, got that of {row}")
    known = record.artifacts[artifact]
    # where a run leaves it, and where a published folder has it
    places = (folder / known.path, folder / "generators" / f"{known.sha256}.safetensors")
    for path in places:
        if path.is_file():
            return path
    raise UserError(
        f"expected the {artifact} of {row}, at {places[0]}, got no file",
        "`srbench run` with the same suite and --out makes it again",
    )
