"""Whether the seeds of a row are trainings of their own: one network noised is no replicate.

A generator of one seed that is nearer to another seed's warm start was not trained from its own.
Who trains often and keeps the best, or edits the logs, is not found out by this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from srbench.records import RowKind
from srbench.verify.contents import Contents
from srbench.verify.difference import Difference
from srbench.verify.stored import RecordFile

APART: Final = 0.1
"""Relative distance below which two networks are one: two seeds' begin at other random weights,
and lie about 1 apart."""

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """What comparing a row's generator with those of other seeds has found.

    Attributes:
        differences: signs that it is no training of its own.
        distances: seed -> its relative distance from that seed's warm start.
    """

    differences: tuple[Difference, ...] = ()
    distances: Mapping[int, float] = field(default_factory=dict)


NOT_COMPARED: Final = Compared()


def compare_seeds(contents: Contents) -> dict[str, Compared]:
    """Record key -> what was found; for rows whose generator is named."""
    files = [file for file in contents.records.files.values() if file.generators]
    found: dict[str, Compared] = {}
    for key in {file.suite for file in files}:
        mine = [file for file in files if file.suite == key]
        near = dict(_by_distance(mine, contents))
        seeds: dict[str, set[int]] = {}
        for file in mine:
            seeds.setdefault(file.generators[0].sha256, set()).add(file.seed)
        for file in mine:
            distances = near.get(file.key, {})
            others = seeds[file.generators[0].sha256] - {file.seed}
            told = (_one_file(others), _judged(file, distances))
            differences = tuple(
                Difference(what="generator", message=message) for message in told if message
            )
            found[file.key] = Compared(differences=differences, distances=distances)
    return found


def _one_file(others: set[int]) -> str:
    if not others:
        return ""
    return f"its generator is that of seed {min(others)} too: one training, two seeds"


def _by_distance(
    files: Sequence[RecordFile], contents: Contents
) -> Iterator[tuple[str, dict[int, float]]]:
    """Each generator beside the warm starts that are here; without these beside its own label's."""
    here = [file for file in files if file.generators[0].sha256 in contents.generators]
    if len({file.seed for file in here}) < 2:
        return
    starts = {f.seed: _vector(contents, f) for f in here if f.kind is RowKind.WARM_START}
    if len(starts) < 2:
        starts = {}
    before: dict[tuple[str, float], tuple[int, Vector]] = {}
    for file in here:
        vector = _vector(contents, file)
        near = {seed: _distance(vector, start) for seed, start in starts.items()}
        if not near:
            # Only one other is kept of each label: a copy of any is a copy of the first.
            seed, first = before.setdefault((file.label, file.scale), (file.seed, vector))
            near = {seed: _distance(vector, first)} if seed != file.seed else {}
        yield file.key, near


def _judged(file: RecordFile, near: Mapping[int, float]) -> str:
    others = {seed: distance for seed, distance in near.items() if seed != file.seed}
    own = near.get(file.seed)
    nearest = min(others, key=lambda seed: others[seed], default=None)
    if nearest is None:
        return ""
    if own is not None and others[nearest] <= own and own > 0:
        return (
            f"its generator lies nearer to the warm start of seed {nearest} than to that of its "
            f"own: {others[nearest]:.3g} and {own:.3g} (relative distances)"
        )
    if others[nearest] < APART:
        return (
            f"its network is that of seed {nearest} but for {others[nearest]:.3g} (relative "
            "distance): two seeds begin at other random weights"
        )
    return ""


def _vector(contents: Contents, file: RecordFile) -> Vector:
    """All floating-point weights of a generator's file in one; empty where it is none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = contents.read(contents.generators[file.generators[0].sha256])
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError):
        return np.zeros(0, np.float32)  # what is wrong with it is said of its own row
    parts = [tensors[name].ravel() for name in sorted(tensors)]
    floats = [part.astype(np.float32) for part in parts if part.dtype.kind == "f"]
    return np.concatenate(floats) if floats else np.zeros(0, np.float32)


def _distance(one: Vector, other: Vector) -> float:
    """Euclidean, relative to the other's norm; far where the two are of other networks."""
    if one.size != other.size or not one.size:
        return float("inf")
    with np.errstate(over="ignore", invalid="ignore"):
        distance = float(np.linalg.norm(one - other) / max(float(np.linalg.norm(other)), 1e-30))
    return distance if np.isfinite(distance) else float("inf")
