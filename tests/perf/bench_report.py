"""How long 5,000 records take to become tables, and whether memory grows linearly.

Synthetic records of 50 losses x 5 seeds per suite are written to a temporary folder, then read,
checked and made into one leaderboard per suite, outputs included.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from figures import Figure, run_benchmark
from synthetic import synthetic_records

from srbench.records import write_record
from srbench.report import build_leaderboard, leaderboard_csv
from srbench.report.render.document import leaderboard_document
from srbench.report.render.markdown import leaderboard_markdown
from srbench.report.selection import load_records, split_by_table

LOSSES, SEEDS = 50, 5
TARGET_SECONDS = 10.0


def write_suites(root: Path, suites: int) -> list[Path]:
    folders = []
    for index in range(suites):
        folder = root / f"suite-{index:02d}"
        records = synthetic_records(
            # With `pixel` and `vgg16-random` that makes 50 trained rows.
            labels=[f"loss-{i:02d}" for i in range(LOSSES - 2)],
            seeds=range(1, SEEDS + 1),
            datasets=("set5", "bsd100"),
            images=50,
            suite=folder.name,
            random_state=index,
        )
        for record in records:
            write_record(record, folder / "records")
        folders.append(folder)
    return folders


def build_tables(folders: list[Path]) -> tuple[int, float, float]:
    """Number of records, seconds to read them, seconds to build and render the tables."""
    start = time.perf_counter()
    groups = split_by_table(load_records(folders))
    read = time.perf_counter()
    count = 0
    for group in groups.values():
        count += len(group)
        board = build_leaderboard(group)
        leaderboard_csv(board)
        leaderboard_markdown(board)
        leaderboard_document(board)
    return count, read - start, time.perf_counter() - read


def peak_bytes(folders: list[Path]) -> int:
    """Peak of Python's allocations while the tables are built."""
    tracemalloc.start()
    build_tables(folders)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def benchmark(quick: bool) -> Iterator[Figure]:
    """Seconds for all records, and how memory grows with them; ``quick``: a fifth of them."""
    suites = 4 if quick else 20
    with tempfile.TemporaryDirectory() as root:
        folders = write_suites(Path(root), suites)
        count, reading, building = build_tables(folders)
        yield Figure(
            f"report/tables_of_{count}_records",
            reading + building,
            TARGET_SECONDS,
            "s",
            detail=f"read {reading:.1f} s, tables {building:.1f} s",
        )
        half, whole = peak_bytes(folders[: suites // 2]), peak_bytes(folders)
        yield Figure(
            "report/memory_growth_twice_the_records",
            whole / half,
            2.2,
            detail=f"peak {half / 2**20:.0f} MiB, then {whole / 2**20:.0f} MiB",
        )


if __name__ == "__main__":
    run_benchmark(benchmark)
