"""A row's generator at any strength: a point of the line from its seed's warm start."""

from __future__ import annotations

from pathlib import Path

from srbench.host import Registry
from srbench.models.files import TrainedGenerator, load_generator
from srbench.models.interpolate import interpolate
from srbench.records import RowKind, read_records
from srbench.records.generators import row_generator


def generator_at(
    folder: Path, label: str | None, seed: int | None, strength: float, registry: Registry
) -> TrainedGenerator:
    """The generator of a row of an out folder, or a point between its warm start and it.

    Args:
        label, seed: as for :func:`srbench.records.generators.row_generator`.
        strength: in (0, 1]: how far from that seed's warm start; 1 is the trained generator.

    Raises:
        UserError: no such row, seed or file, or no warm start of that seed.
    """
    trained = load_generator(row_generator(folder, label, seed), registry.generator_spec)
    if strength == 1.0:
        return trained
    if seed is None:
        found = read_records([folder])
        seed = min(r.seed for r in found if r.loss.label == label and "generator" in r.artifacts)
    warm = row_generator(folder, RowKind.WARM_START, seed)
    start = load_generator(warm, registry.generator_spec).network.state_dict()
    trained.network.load_state_dict(interpolate(start, trained.network.state_dict(), strength))
    return trained
