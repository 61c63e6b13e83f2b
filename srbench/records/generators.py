"""Which file holds the trained generator of a row."""

from __future__ import annotations

from pathlib import Path

from srbench.errors import UserError, unknown_name
from srbench.records.io import read_records


def row_generator(folder: Path, label: str | None, seed: int | None = None) -> Path:
    """The trained generator of one row of an out folder or a published one.

    Args:
        label: of the row.
        seed: by default the first that has a generator; of several content scales, that nearest 1.

    Raises:
        UserError: no such row or seed, or its generator is not in the folder.
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
    seeds = sorted({record.seed for record in mine})
    if seed is not None and seed not in seeds:
        known = ", ".join(map(str, seeds))
        raise UserError(f"expected a seed of row {label!r}, got {seed}", f"it has {known}")
    wanted = seeds[0] if seed is None else seed
    record = min(
        (r for r in mine if r.seed == wanted), key=lambda r: (abs(r.content_scale - 1), r.key)
    )
    artifact = record.artifacts["generator"]
    # where a run leaves it, and where a published folder has it
    places = (folder / artifact.path, folder / "generators" / f"{artifact.sha256}.safetensors")
    for path in places:
        if path.is_file():
            return path
    raise UserError(
        f"expected the generator of row {label!r}, seed {wanted}, at {places[0]}, got no file",
        "`srbench run` with the same suite and --out makes it again",
    )
