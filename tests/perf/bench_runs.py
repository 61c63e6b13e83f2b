"""What the executor costs.

Two figures of issue 5. Jobs of one second: the wall time beyond the jobs' own and the start of
their processes, as a share of the jobs' time (below 15 %). A rerun of a finished suite of a
thousand jobs, from the command line to the printed table (below 5 s).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import Figure, run_benchmark

JOBS = 200
ROWS, SEEDS = 247, 4

WORKER = """
import os, pathlib, sys, time
time.sleep(1.0)
folder = pathlib.Path(sys.argv[1]) / "checkpoints" / sys.argv[2]
folder.mkdir(parents=True, exist_ok=True)
(folder / "part").write_text("{}\\n")
os.replace(folder / "part", folder / "result.json")
"""


class _Quiet:
    def job_started(self, job: Any) -> None: ...
    def job_event(self, job: Any, event: Any) -> None: ...
    def job_ended(self, job: Any, outcome: Any) -> None: ...


def overhead(jobs: int) -> dict[str, float]:
    """Share of the jobs' time that the executor adds beyond process start."""
    from srbench.records.layout import OutFolder
    from srbench.run.exec.local import LocalBackend
    from srbench.run.exec.scheduler import Scheduler
    from srbench.run.exec.starting import NewInterpreter
    from srbench.run.plan.jobs import Job, StageKind
    from srbench.run.plan.tasks import Task
    from srbench.settings import Execution

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "worker.py"
        script.write_text(WORKER)
        began = time.perf_counter()
        for _ in range(10):
            subprocess.run([sys.executable, str(script.with_name("empty.py"))], check=False,
                           stderr=subprocess.DEVNULL)  # fmt: skip
        start = (time.perf_counter() - began) / 10
        out = OutFolder(Path(folder) / "out")
        starter = NewInterpreter([sys.executable, str(script)])
        backend = LocalBackend(out=out, starter=starter)
        executor = Scheduler(out, _Quiet(), backend)
        task = Task(device="cpu", scale=4, execution=Execution(threads=1))
        fake = StageKind(name="fake", task=Task, run="")
        todo = [
            Job(key=f"{i:04d}", kind=fake, label=f"job{i}", task=task)
            for i in range(jobs)
        ]  # fmt: skip
        began = time.perf_counter()
        executor.run(todo)
        wall = time.perf_counter() - began
    return {
        "jobs": jobs,
        "wall_s": round(wall, 2),
        "process_start_s": round(start, 4),
        "overhead": round(wall / jobs - 1.0 - start, 4),
    }


def suite_text(rows: int, seeds: int) -> str:
    """A suite of charbonnier losses that differ in a parameter; about ``rows x seeds`` jobs."""
    head = (
        'schema = 1\nname = "many"\nversion = 1\nsummary = "bench"\ntrack = "raw"\n'
        f"seeds = {list(range(1, seeds + 1))}\n" + 'metrics = ["psnr"]\n'
        '[data]\ntrain = "photos"\ntest = ["photos-test"]\npatch_size = 32\nbatch_size = 2\n'
        "[warm_start]\niterations = 1\n[adversarial]\niterations = 1\n"
        "[execution]\nthreads = 1\n"
    )
    entries = (
        f'[[loss]]\nlabel = "c{i}"\nname = "charbonnier"\nparams = {{ epsilon = {1e-4 * (i + 1)} }}'
        for i in range(rows)
    )
    return head + "\n".join(entries) + "\n"


def finished_suite(folder: Path, rows: int, seeds: int) -> int:
    """An out folder where everything is done, with made-up scores; returns the number of jobs."""
    import random

    from PIL import Image

    from srbench.files import file_sha256, write_atomic
    from srbench.host import discover
    from srbench.records.derived import Derived
    from srbench.records.layout import OutFolder
    from srbench.run.images import image_source
    from srbench.run.plan.environment import describe_environment
    from srbench.run.plan.planning import make_plan
    from srbench.run.plan.targets import targets
    from srbench.run.writing import write_json
    from srbench.settings import load_suite

    (folder / "many.toml").write_text(suite_text(rows, seeds))
    plan = make_plan(load_suite(str(folder / "many.toml")), discover(), device="cpu")
    out, draw = OutFolder(folder / "out"), random.Random(1)
    environment = describe_environment(threads=1, gpu=None).model_dump(mode="json")
    cost = {"device": "bench", "seconds": 1.0, "iterations_per_second": 1.0}
    for job in plan.jobs:
        generator = write_atomic(out.generator(job.key), job.key, sync=False)
        made = {"sha256": file_sha256(generator), "bytes": len(job.key)}
        result = {
            "key": job.key, "kind": job.kind.name, "generator": made,
            "cost": cost, "environment": environment, "notes": [],
            "calibration": {"mode": "raw", "constant": 1.0},
        }  # fmt: skip
        if job.kind.name == "warm-start":
            del result["calibration"]
        write_json(out.result(job.key), result)
    names = ("astronaut", "chelsea", "coffee")
    hr = out.images("photos-test", "hr-images")
    hr.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (32, 32)).save(hr / f"{name}.png")
    source = image_source("hr", plan.inputs.test["photos-test"], plan.suite.scale)
    Derived(hr).note(source, pixels=dict.fromkeys(names, "0" * 64))
    for target in targets(plan, out):
        folder_of = out.images(target.dataset, target.row)
        folder_of.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder_of / f"{name}.png").symlink_to(hr / f"{name}.png")
        Derived(folder_of).note(target.source, pixels=dict.fromkeys(names, "0" * 64))
        per_image = {name: 25 + draw.random() for name in names}
        mean = sum(per_image.values()) / 3
        for key in target.scores.values():
            write_json(out.scores(key), {
                "key": key, "version": 1, "lower_is_better": False, "mean": mean,
                "per_image": per_image,
            })  # fmt: skip
    return len(plan.jobs)


def rerun(rows: int, seeds: int) -> dict[str, float]:
    """Seconds of ``srbench run`` on a finished suite; the second of two."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = finished_suite(folder, rows, seeds)
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", "from srbench.cli import main; main()", "run",
                 "./many.toml", "--out", "out", "--device", "cpu"],
                cwd=folder, capture_output=True, text=True, check=False,
            )  # fmt: skip
            seconds.append(round(time.perf_counter() - began, 2))
            if done.returncode:
                raise SystemExit(done.stderr)
    return {"jobs": jobs, "first_rerun_s": seconds[0], "rerun_s": seconds[1]}


def benchmark(quick: bool) -> Iterator[Figure]:
    """Both figures; ``quick``: a fifth of the jobs."""
    share = 5 if quick else 1
    found = rerun(ROWS // share, SEEDS)
    yield Figure(
        "runs/rerun_finished", found["rerun_s"], 5.0, "s", detail=f"{found['jobs']} jobs, all done"
    )
    found = overhead(JOBS // share)
    yield Figure(
        "runs/executor_overhead", found["overhead"], 0.15, detail=f"{found['jobs']} jobs of 1 s"
    )


if __name__ == "__main__":
    run_benchmark(benchmark)
