"""How long publishing 5,000 records takes, and how much memory.

    python tests/perf/bench_publish.py [--suites 20]

Synthetic records of 50 losses x 5 seeds per suite are written to a temporary folder; a process of
its own then publishes all of them, so that its peak memory is that of publishing alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from srbench.records import write_record
from srbench.report.synthetic import synthetic_records

LOSSES, SEEDS = 50, 5
TARGET_SECONDS, TARGET_BYTES = 60.0, 1e9

PROGRAM = """
import json, resource, sys, time
from srbench.report.site import publish
start, busy = time.perf_counter(), time.process_time()
done = publish(sys.argv[2:], sys.argv[1])
print(json.dumps({
    "records": done.records, "files": len(done.sizes), "bytes": done.bytes,
    "seconds": time.perf_counter() - start, "busy": time.process_time() - busy,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
"""


def write_suites(root: Path, suites: int) -> list[Path]:
    """Out folders of synthetic records, one per suite."""
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


def measure(folders: list[Path], to: Path) -> dict[str, float]:
    """Publish in a process of its own: seconds of wall and processor time, peak bytes."""
    command = [sys.executable, "-c", PROGRAM, str(to), *map(str, folders)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", type=int, default=20)
    suites = parser.parse_args().suites
    with tempfile.TemporaryDirectory() as root:
        folders = write_suites(Path(root), suites)
        found = measure(folders, Path(root) / "leaderboard")
        print(
            f"{found['records']:.0f} records: {found['seconds']:.1f} s "
            f"({found['busy']:.1f} s of processor time; target: below {TARGET_SECONDS:.0f} s), "
            f"peak {found['peak'] / 1e6:.0f} MB (target: below {TARGET_BYTES / 1e6:.0f} MB), "
            f"{found['files']:.0f} files, {found['bytes'] / 1e6:.0f} MB"
        )


if __name__ == "__main__":
    main()
