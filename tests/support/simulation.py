"""Are the statistics right? Simulated leaderboards, judged by the functions of the real table.

Anyone may rerun it: ``python tests/support/simulation.py [--boards 10000]``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from synthetic import Spread

from srbench.report.second_view import nemenyi_difference
from srbench.report.statistics import (
    detectable_difference,
    residual_variance,
    stated_difference,
    t_interval,
    tukey_threshold,
)

Array = npt.NDArray[np.float64]
CHUNK = 250
"""Boards simulated at once, so that memory stays small."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulationResult:
    """Shares over the simulated leaderboards; all but the last concern the table's statistics.

    Attributes:
        family_error: identical losses, any pair called different. Should be 0.05.
        coverage: t intervals that hold the true mean. Should be 0.95.
        power: given pair found, its true difference the detectable one at the true spread. 0.80.
        power_as_stated: the same, the difference being the mean of what the tables state.
        power_of_one_table: the same, each difference being what one *other* table of this shape
            stated. A little less than 0.80: its spread was estimated from few residuals.
        image_view_error: identical losses, any pair called different by Nemenyi's test over
            images: why that view never forms tie groups.
    """

    boards: int
    losses: int
    seeds: int
    images: int
    family_error: float
    coverage: float
    power: float
    power_as_stated: float
    power_of_one_table: float
    image_view_error: float


def simulate_scores(
    generator: np.random.Generator,
    effects: Array,
    image_effects: Array,
    *,
    seeds: int,
    spread: Spread,
) -> Array:
    """Per-image scores of simulated leaderboards, ``(boards, losses, seeds, images)``.

    ``score = loss + image + seed + loss x seed + noise``; losses of equal effect differ by chance.

    Args:
        effects: ``(boards, losses)``.
        image_effects: ``(boards, images)``, the same for every network.
    """
    boards, losses = effects.shape
    images = image_effects.shape[1]

    def normal(scale: float, *shape: int) -> Array:
        return generator.standard_normal((boards, *shape)) * scale

    return np.asarray(
        effects[:, :, None, None]
        + image_effects[:, None, None, :]
        + normal(spread.seed, 1, seeds, 1)
        + normal(spread.residual, losses, seeds, 1)
        + normal(spread.noise, losses, seeds, images)
    )


def simulate(
    *,
    boards: int = 2000,
    losses: int = 8,
    seeds: int = 3,
    images: int = 100,
    spread: Spread | None = None,
    random_state: int = 0,
) -> SimulationResult:
    """Simulate ``boards`` leaderboards and count how often the statistics are right."""
    spread = spread or Spread()
    generator = np.random.default_rng(random_state)
    counts: dict[str, list[Array]] = {}
    for count in _chunks(boards):
        for name, values in _null_chunk(generator, (count, losses, seeds, images), spread).items():
            counts.setdefault(name, []).append(values)
    found = {name: np.concatenate(values) for name, values in counts.items()}
    stated = found.pop("stated")
    shares: dict[str, Any] = {name: float(values.mean()) for name, values in found.items()}
    # The true residual variance of data-set means: networks and what is left of the images' noise.
    variance = spread.residual**2 + spread.noise**2 / images
    planted = {
        "power": np.full(boards, detectable_difference(variance, losses, seeds)),
        "power_as_stated": np.full(boards, stated.mean()),
        "power_of_one_table": stated,
    }
    for name, differences in planted.items():
        shape = (losses, seeds, images)
        shares[name] = _share_found(generator, differences, shape, spread)
    return SimulationResult(boards=boards, losses=losses, seeds=seeds, images=images, **shares)


def _chunks(boards: int) -> list[int]:
    return [min(CHUNK, boards - start) for start in range(0, boards, CHUNK)]


def _null_chunk(
    generator: np.random.Generator, shape: tuple[int, int, int, int], spread: Spread
) -> dict[str, Array]:
    boards, losses, seeds, images = shape
    image_effects = generator.standard_normal((boards, images)) * spread.image
    effects = np.zeros((boards, losses))
    scores = simulate_scores(generator, effects, image_effects, seeds=seeds, spread=spread)
    y = scores.mean(axis=-1)
    low, high = t_interval(y)
    truth = image_effects.mean(axis=1)[:, None]
    return {
        "family_error": np.ptp(y.mean(axis=-1), axis=-1) > _threshold(y),
        "coverage": ((low <= truth) & (truth <= high)).ravel(),
        "stated": np.asarray(stated_difference(residual_variance(y), losses, seeds)),
        "image_view_error": _nemenyi_rejects(scores),
    }


def _share_found(
    generator: np.random.Generator,
    differences: Array,
    shape: tuple[int, int, int],
    spread: Spread,
) -> float:
    """Share of leaderboards that call the first two losses different, by a planted difference."""
    losses, seeds, images = shape
    found = 0
    start = 0
    for count in _chunks(len(differences)):
        effects = np.zeros((count, losses))
        effects[:, 0] = differences[start : start + count]
        image_effects = generator.standard_normal((count, images)) * spread.image
        scores = simulate_scores(generator, effects, image_effects, seeds=seeds, spread=spread)
        y = scores.mean(axis=-1)
        means = y.mean(axis=-1)
        found += int((np.abs(means[:, 0] - means[:, 1]) > _threshold(y)).sum())
        start += count
    return found / len(differences)


def _threshold(y: Array) -> Array:
    return np.asarray(tukey_threshold(residual_variance(y), *y.shape[-2:]))


def _nemenyi_rejects(scores: Array) -> Array:
    per_image = scores.mean(axis=2)
    ranks = stats.rankdata(per_image, axis=1).mean(axis=-1)
    return np.asarray(np.ptp(ranks, axis=-1) > nemenyi_difference(*per_image.shape[1:]))


def main() -> None:
    """Print how often the report's statistics are right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boards", type=int, default=10_000)
    parser.add_argument("--random-state", type=int, default=0)
    arguments = parser.parse_args()
    for seeds in (3, 5):
        start = time.perf_counter()
        result = simulate(boards=arguments.boards, seeds=seeds, random_state=arguments.random_state)
        print(
            f"{result.boards} leaderboards of {result.losses} losses, {seeds} seeds, "
            f"{result.images} images ({time.perf_counter() - start:.1f} s)\n"
            f"  identical losses, any pair called different  {result.family_error:7.2%}  (3-7 %)\n"
            f"  t intervals that hold the true mean          {result.coverage:7.2%}  (93-97 %)\n"
            f"  detectable difference found, true spread     {result.power:7.2%}  (77-83 %)\n"
            f"  detectable difference found, as stated       {result.power_as_stated:7.2%}"
            f"  (77-83 %)\n"
            f"  the same, as one other table states it       {result.power_of_one_table:7.2%}"
            "  (no target)\n"
            f"  Nemenyi over images, identical losses        {result.image_view_error:7.2%}"
            "  (no target: it speaks of these trained networks only)"
        )


if __name__ == "__main__":
    main()
