"""A row's generator at any strength: a point of the line from its seed's warm start."""

from __future__ import annotations

from pathlib import Path

from srbench.host import Registry
from srbench.models.files import TrainedGenerator, load_generator
from srbench.models.interpolate import interpolate
from srbench.records import Record, RowKind
from srbench.records.generators import generator_file, trained_record

WARM_START = RowKind.WARM_START
"""A row's label, and the name of the artifact in records of rows that started there."""


def generator_at(
    folder: Path,
    label: str | None,
    seed: int | None,
    strength: float,
    registry: Registry,
    *,
    suite: str | None = None,
) -> TrainedGenerator:
    """The generator of a row of an out folder, or a point between its warm start and it.

    Args:
        label, seed, suite: as for :func:`srbench.records.generators.trained_record`.
        strength: in (0, 1]: how far from the warm start; 1 is the trained generator.

    Raises:
        UserError: no such row, seed, suite or file, or a row without a warm start.
    """
    record = trained_record(folder, label, seed, suite)
    trained = load_generator(generator_file(folder, record), registry.generator_spec)
    if strength == 1.0:
        return trained
    start = load_generator(_warm_start(folder, record), registry.generator_spec)
    line = (start.network.state_dict(), trained.network.state_dict())
    trained.network.load_state_dict(interpolate(*line, strength))
    return trained


def _warm_start(folder: Path, record: Record) -> Path:
    """Which it was trained from: rows with curves name it, others share their suite's row."""
    if WARM_START in record.artifacts:
        return generator_file(folder, record, WARM_START)
    shared = trained_record(folder, WARM_START, record.seed, record.suite.conditions)
    return generator_file(folder, shared)
