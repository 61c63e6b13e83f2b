"""A worker that does what its job's label says, in milliseconds."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import signal
import sys
import time


def main(argv: list[str]) -> int:
    root, key = pathlib.Path(argv[0]), argv[1]
    job = json.loads((root / "jobs" / key / "job.json").read_text())
    label = job["label"]
    with (root / "started.txt").open("a") as file:
        file.write(label + "\n")
    if label.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if label.startswith("exit"):
        print("last words of the worker")
        sys.exit(3)
    if label.startswith("segfault"):
        ctypes.string_at(0)
    if label.startswith("hang"):
        time.sleep(60)
    if label.startswith("hog"):
        hoard = b"x" * (400 * 2**20)
        time.sleep(60)
        del hoard
    if label.startswith("flaky") and (root / "started.txt").read_text().count(label) < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    kind, _, phase = label.partition(":")[2].partition("/")
    note = root / "jobs" / key / "attempts.json"
    learnt = json.loads(note.read_text()) if note.exists() else {}
    fits = {
        "training": learnt.get("micro_batches", 1) >= 4,
        "calibration": learnt.get("calibration_parts", 1) >= 4,
        "validation": learnt.get("tile", 256) <= 64,
        "scoring": learnt.get("tile", 256) <= 64,
        "metrics": learnt.get("metrics_on_cpu", False),
    }
    if kind and not fits.get(phase):
        failure = {"kind": kind, "message": "as told", "phase": phase or None}
        (root / "jobs" / key / "failure.json").write_text(json.dumps(failure))
        sys.exit(1)
    if label.startswith("slow"):

        def stop(number: int, frame: object) -> None:
            sys.exit(75)

        signal.signal(signal.SIGTERM, stop)
        (root / "slow-is-ready").touch()
        time.sleep(60)
    events = root / "jobs" / key / "events.jsonl"
    with events.open("a") as file:
        file.write(json.dumps({"time": 0, "event": "progress", "iteration": 1, "total": 1}) + "\n")
    folder = root / "checkpoints" / key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "part").write_text(json.dumps({"key": key}) + "\n")
    os.replace(folder / "part", folder / "result.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
