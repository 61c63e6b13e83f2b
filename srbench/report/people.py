"""Opinions of people, put on the rows that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from srbench.records import Record, record_sha256
from srbench.records.opinions import Opinions, read_opinions
from srbench.report.model import Heard, Row


def load_opinions(source: Iterable[Path | str | Record]) -> list[Opinions]:
    """The opinions in out folders; records, which may be among them, carry none."""
    return list(read_opinions(Path(item) for item in source if not isinstance(item, Record)))


def with_opinions(
    rows: Sequence[Row], records: Sequence[Record], opinions: Iterable[Opinions]
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Rows with what people said of them, and notes on what could not be shown.

    An opinion belongs to the very record whose hash it states. Of several studies of this table
    the one with the most votes is shown.
    """
    known = {(r.suite.name, r.suite.version, r.suite.conditions, r.protocol) for r in records}
    mine = [
        found
        for found in opinions
        if (found.suite.name, found.suite.version, found.suite.conditions, found.suite.protocol)
        in known
    ]
    if not mine:
        return tuple(rows), ()
    chosen = max(mine, key=lambda found: (found.votes, found.study))
    hashes = {record_sha256(record): record.loss.label for record in records}
    heard = {
        opinion.row.label: Heard(opinion=opinion, study=chosen)
        for opinion in chosen.rows
        if hashes.get(opinion.row.record) == opinion.row.label
    }
    notes = [_rule(chosen)]
    if lost := [o.row.label for o in chosen.rows if o.row.label not in heard]:
        notes.append(f"People rated other runs of {', '.join(lost)}: their opinion is not shown.")
    if len(mine) > 1:
        notes.append(f"The largest of {len(mine)} studies of people's opinions is shown.")
    return tuple(replace(row, heard=heard.get(row.label)) for row in rows), tuple(notes)


def _rule(study: Opinions) -> str:
    how = "Bradley-Terry, log odds around their mean" if study.design == "pairs" else "mean, 1 to 5"
    places = {content.place.dataset for content in study.contents}
    return (
        f"Opinion: reported, not verified; {study.raters} raters ({study.screened_out} more were "
        f"screened out), {study.votes:,} votes on {len(study.contents)} crops of "
        f"{', '.join(sorted(places))}; {how}; 95 % interval over raters and images; rows that "
        "share a letter were not told apart."
    )
