"""Print how often the report's statistics are right, on simulated leaderboards.

python tests/perf/simulate_statistics.py [--boards 10000]
"""

from __future__ import annotations

import argparse
import time

from srbench.report.simulation import simulate


def main() -> None:
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
