"""Published starts: what each seed of a suite begins with, so that a row costs its own training.

A published folder states them in ``starts.json``: the warm start by the hash of its file, which
lies in ``generators/``, and the gradient norm of the reference loss on it, which all others are
calibrated to. The discriminator starts from the seed alone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from srbench.records.row_kind import RowKind
from srbench.records.schema import Record
from srbench.records.scores import Sha256
from srbench.settings.canonical import OUTSIDE
from srbench.strict import Strict

FILE: Final = "starts.json"
KEY: Final = "published-start"
"""In ``keys`` of a record: the hash of the published warm start that the row begins at."""


class Start(Strict):
    """Of one seed. ``where``: the file's path or URL; ``None``: it is in one's own folders."""

    warm_start: Sha256
    reference_gradient_norm: float | None = Field(None, gt=0, allow_inf_nan=False)
    where: Annotated[str | None, OUTSIDE] = None


class SuiteStarts(Strict):
    """Of all seeds of the tables with these conditions."""

    suite: str
    version: int
    conditions: Sha256
    seeds: dict[int, Start]


def starts_of(records: Iterable[Record]) -> list[SuiteStarts]:
    """The starts that published records state, by suite and seed; of two the first counts."""
    found: dict[tuple[str, int, str], dict[int, Record]] = {}
    norms: dict[tuple[str, int], float] = {}
    for record in records:
        suite = record.suite
        if record.loss.kind is RowKind.WARM_START and "generator" in record.artifacts:
            table = (suite.name, suite.version, suite.conditions)
            found.setdefault(table, {}).setdefault(record.seed, record)
        made = record.calibration
        if made is not None and made.reference == record.loss.label and made.gradient_norm:
            norms.setdefault((suite.conditions, record.seed), made.gradient_norm)
    return [
        SuiteStarts(
            suite=name, version=version, conditions=conditions,
            seeds={
                seed: Start(
                    warm_start=record.artifacts["generator"].sha256,
                    reference_gradient_norm=norms.get((conditions, seed)),
                )
                for seed, record in sorted(seeds.items())
            },
        )
        for (name, version, conditions), seeds in sorted(found.items())
    ]  # fmt: skip


def start_of(record: Record) -> Start | None:
    """The published start that a record says it has."""
    if KEY not in record.keys:
        return None
    norm = record.calibration.reference_gradient_norm if record.calibration else None
    return Start(warm_start=record.keys[KEY], reference_gradient_norm=norm)


STARTS: Final = TypeAdapter(list[SuiteStarts])


def starts_text(starts: Iterable[SuiteStarts], published: Container[str]) -> bytes:
    """``starts.json``: of those whose file is among the names of a published folder."""
    here = [
        table.but(seeds={
            seed: start
            for seed, start in table.seeds.items()
            if f"generators/{start.warm_start}.safetensors" in published
        })
        for table in starts
    ]  # fmt: skip
    kept = [table for table in here if table.seeds]
    return STARTS.dump_json(kept, indent=1, exclude_none=True) + b"\n"
