"""How long 5,000 records take to become tables, and whether memory grows linearly.

    python tests/perf/bench_report.py [--suites 20]

Synthetic records of 50 losses x 5 seeds per suite are written to a temporary folder, then read,
checked and made into one leaderboard per suite, outputs included.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import tracemalloc
from pathlib import Path

from srbench.records import write_record
from srbench.report import build_leaderboard, leaderboard_csv
from srbench.report.document import leaderboard_document
from srbench.report.markdown import leaderboard_markdown
from srbench.report.selection import load_records, split_by_suite
from srbench.report.synthetic import synthetic_records

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
    groups = split_by_suite(load_records(folders))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", type=int, default=20)
    suites = parser.parse_args().suites
    with tempfile.TemporaryDirectory() as root:
        folders = write_suites(Path(root), suites)
        busy = time.process_time()
        count, reading, building = build_tables(folders)
        busy = time.process_time() - busy
        print(
            f"{count} records: read {reading:.1f} s, tables {building:.1f} s, "
            f"together {reading + building:.1f} s (target: below {TARGET_SECONDS:.0f} s); "
            f"{busy:.1f} s of processor time"
        )
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak resident memory {resident:.0f} MiB")
        for share in (suites // 4, suites // 2, suites):
            peak = peak_bytes(folders[: max(1, share)])
            per_suite = peak / max(1, share) / (1 << 20)
            print(
                f"{max(1, share):3d} suites: peak {peak / (1 << 20):7.1f} MiB, "
                f"{per_suite:5.1f} MiB a suite"
            )


if __name__ == "__main__":
    main()
