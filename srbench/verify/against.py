"""A submission beside a published folder: what is known there already, and what contradicts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from srbench.records import Record, RowKind, read_records, record_sha256
from srbench.records.copies import same_images
from srbench.records.schema import LossInfo
from srbench.records.starts import start_of, starts_of
from srbench.verify.difference import Difference, What

FLAGS: Final = ("task", "backbone", "saw_test_images", "trains_on_metrics", "shares_network_with")
"""What a record says of its loss and a table flags or filters by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    key: str
    sha256: str
    row: str
    suite: tuple[str, int, str]
    loss: LossInfo
    generator: str | None
    pixels: frozenset[str]
    reference: Record | None


class PublishedRows:
    """The rows of a published folder.

    Raises:
        RecordError: it holds no records, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        records = list(read_records([folder]))
        self._rows = [_known(record) for record in records]
        self._starts = {
            (table.conditions, seed): start
            for table in starts_of(records)
            for seed, start in table.seeds.items()
        }

    def differences(self, record: Record) -> Iterator[Difference]:
        """What speaks against publishing ``record`` beside them."""
        mine = _known(record)
        for known in self._rows:
            if known.key == mine.key:
                if known.sha256 != mine.sha256 and not _everybodys(known, mine):
                    found = f"another record of {known.row} is published"
                    yield _about("record", f"{found}: {_way_on(record)}")
            elif _same_network(known, mine):
                yield _about("generator", f"its generator is that of {known.row}, published before")
        yield from self._same_label(mine)
        yield from self._same_start(record)

    def _same_start(self, record: Record) -> Iterator[Difference]:
        """A row that says that it begins where the published rows do."""
        said = start_of(record)
        if said is None:
            return
        known = self._starts.get((record.suite.conditions, record.seed))
        if known is None or known.warm_start != said.warm_start:
            yield _about("generator", f"{said.warm_start[:12]} is not the published warm start")
        elif said.reference_gradient_norm not in (None, known.reference_gradient_norm):
            yield _about(
                "record",
                f"it is calibrated to {said.reference_gradient_norm:g}, the published gradient "
                f"norm of the reference is {known.reference_gradient_norm or 0:g}",
            )

    def _same_label(self, mine: _Known) -> Iterator[Difference]:
        for known in self._rows:
            if known.suite != mine.suite:
                continue
            one, other = known.loss.label, mine.loss.label
            if one != other and one.casefold() == other.casefold():
                yield _about(
                    "record", f"its label differs from the published {one!r} in case alone"
                )
                return
            if one == other and (what := unlike(known.loss, mine.loss)):
                yield _about("record", f"{what} than the published row {one!r}")
                return


def _way_on(record: Record) -> str:
    if record.loss.kind is RowKind.TRAINED:
        return "pack the rows that are new, with `srbench submit --loss LABEL`"
    return "train your rows on the published warm starts, with `srbench run --starts LEADERBOARD`"


def _everybodys(known: _Known, mine: _Known) -> bool:
    """A reference row that everybody's run makes: the same network, or none, and images."""
    one, other = known.reference, mine.reference
    return one is not None and other is not None and same_images(one, other)


def _same_network(known: _Known, mine: _Known) -> bool:
    """One file, or one that was written otherwise: most of its images are the same."""
    if mine.generator is None or known.generator is None:
        return False
    same = len(known.pixels & mine.pixels)
    return known.generator == mine.generator or 2 * same > len(mine.pixels)


def unlike(known: LossInfo, mine: LossInfo) -> str:
    """In what two descriptions of one label differ; empty where in nothing that counts."""
    terms = [
        [(t.name, t.version, t.params, t.weight) for t in loss.terms] for loss in (known, mine)
    ]
    if terms[0] != terms[1]:
        return "its label stands for another loss"
    for name in FLAGS:
        was, says = getattr(known, name), getattr(mine, name)
        if was != says:
            return f"it says {name} = {says!r:.80} instead of {was!r:.80}, otherwise"
    return ""


def _known(record: Record) -> _Known:
    generator = record.artifacts.get("generator")
    suite = record.suite
    return _Known(
        key=record.key,
        sha256=record_sha256(record),
        row=f"{suite.name} {record.loss.label} seed {record.seed}",
        suite=(suite.name, suite.version, record.protocol),
        loss=record.loss,
        generator=None if generator is None else generator.sha256,
        pixels=frozenset(h for s in record.scores.values() for h in s.pixels_sha256.values()),
        reference=None if record.loss.kind is RowKind.TRAINED else record,
    )


def _about(what: What, message: str) -> Difference:
    return Difference(what=what, message=message)
