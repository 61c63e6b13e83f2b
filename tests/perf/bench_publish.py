"""How long publishing 5,000 records takes, and how much memory.

    python tests/perf/bench_publish.py [--quick]

Synthetic records of 50 losses x 5 seeds per suite are written to a temporary folder; a process of
its own then publishes all of them, so that its peak memory is that of publishing alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_report import write_suites
from figures import Figure, run_benchmark

TARGET_SECONDS, TARGET_BYTES = 60.0, 1e9

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from srbench.report.render.site import publish
status = Path("/proc/self/status")
def peak_bytes():
    # Linux carries ru_maxrss over from the process that started this one; VmHWM it does not.
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
start, busy = time.perf_counter(), time.process_time()
done = publish(sys.argv[2:], sys.argv[1])
print(json.dumps({
    "records": done.records, "files": len(done.sizes), "bytes": done.bytes,
    "seconds": time.perf_counter() - start, "busy": time.process_time() - busy,
    "peak": peak_bytes(),
}))
"""


def measure(folders: list[Path], to: Path) -> dict[str, float]:
    """Publish in a process of its own: seconds of wall and processor time, peak bytes."""
    command = [sys.executable, "-c", PROGRAM, str(to), *map(str, folders)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def benchmark(quick: bool) -> Iterator[Figure]:
    """Seconds, peak memory and size of the published folder."""
    suites = 2 if quick else 20
    with tempfile.TemporaryDirectory() as root:
        folders = write_suites(Path(root), suites)
        found = measure(folders, Path(root) / "leaderboard")
    records = f"{found['records']:,.0f} records, {found['files']:,.0f} files"
    yield Figure("publish/seconds", found["seconds"], TARGET_SECONDS, unit="s", detail=records)
    yield Figure("publish/peak memory", found["peak"] / 1e6, TARGET_BYTES / 1e6, unit="MB")
    yield Figure("publish/folder", found["bytes"] / 1e6, unit="MB")


if __name__ == "__main__":
    run_benchmark(benchmark)
