"""A row's generator at any strength: a point of the line from its seed's warm start."""

from __future__ import annotations

from pathlib import Path

from srbench.errors import UserError, unknown_name
from srbench.host import Registry
from srbench.models.files import TrainedGenerator, load_generator
from srbench.models.interpolate import interpolate
from srbench.records import Record, RowKind, read_records


def generator_of_row(
    folder: Path, label: str, registry: Registry, *, seed: int | None = None, strength: float = 1.0
) -> TrainedGenerator:
    """The generator that an out folder, or a leaderboard's, has of a row.

    Args:
        label: of the row.
        seed: the least of those that the folder has where left out.
        strength: in (0, 1]: how far from that seed's warm start; 1 is the trained generator.

    Raises:
        UserError: no such row or seed, a file that is not there, or another strength.
    """
    records = [r for r in read_records([folder]) if "generator" in r.artifacts]
    mine = [r for r in records if r.loss.label == label]
    if not mine:
        raise unknown_name("row", label, {r.loss.label for r in records}, "it has no generator")
    run = min(
        (r for r in mine if seed in (None, r.seed)), key=lambda r: r.seed, default=None
    )  # several content scales: the first by record
    if run is None:
        seeds = ", ".join(str(s) for s in sorted({r.seed for r in mine}))
        raise UserError(f"expected a seed of {label!r}, got {seed}", f"there are: {seeds}")
    trained = _load(folder, run, registry)
    if strength == 1.0:
        return trained
    warm = next(
        (r for r in records if r.loss.kind is RowKind.WARM_START and r.seed == run.seed), None
    )
    if warm is None:
        raise UserError(
            f"expected the warm start of seed {run.seed} in {folder}, found no record of it",
            "leave --strength out: without it a row has one strength",
        )
    start = _load(folder, warm, registry)
    trained.network.load_state_dict(
        interpolate(start.network.state_dict(), trained.network.state_dict(), strength)
    )
    return trained


def _load(folder: Path, record: Record, registry: Registry) -> TrainedGenerator:
    artifact = record.artifacts["generator"]
    published = folder / "generators" / f"{artifact.sha256}.safetensors"
    path = published if published.exists() else folder / artifact.path
    return load_generator(path, registry.generator_spec)
