"""Runs that are killed, starved, hung and crowded, in real processes."""

import json
import os
import random
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from sizes import size

from srbench.records import read_records

from .conftest import SUITE, Cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KILLS = size(8, 20)
TWO_SEEDS = (
    SUITE.replace("seeds = [1]", "seeds = [1, 2]").replace('["psnr", "niqe"]', '["psnr"]')
    + "\n[checkpoint]\nevery_iterations = 1\n"
)


def results(out: Path) -> dict[str, int]:
    """Finished jobs and when they finished."""
    return {p.parent.name: p.stat().st_mtime_ns for p in out.glob("checkpoints/*/result.json")}


def scores(out: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in out.glob("scores/*.json")}


def tensors(out: Path) -> dict[str, Any]:
    """What every job's last checkpoint continues from; clocks left out."""
    found = {}
    for path in out.glob("checkpoints/*/checkpoint-*.pt"):
        state = torch.load(path, weights_only=True)["state"]
        kept = {name: state[name] for name in ("step", "monitor", "sampler", "rng")}
        found[f"{path.parent.name}/{path.name}"] = kept
    return found


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def kill_tree(process: subprocess.Popen[bytes], random_order: random.Random) -> None:
    """SIGKILL to the run and to its workers, in a random order."""
    victims = [psutil.Process(process.pid)]
    victims += victims[0].children(recursive=True)
    random_order.shuffle(victims)
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    psutil.wait_procs(victims, timeout=30)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def test_kills_end_in_the_same_bits(cli: Cli, folder: Path, command: list[str]) -> None:
    (folder / "small.toml").write_text(TWO_SEEDS)
    calm = cli("run", "./small.toml", "--out", "calm")
    assert calm.returncode == 0, calm.stderr
    out, chance, torn = folder / "killed", random.Random(5), 0
    finished: dict[str, int] = {}
    for turn in range(KILLS):
        process = subprocess.Popen(
            [*command, "run", "./small.toml", "--out", "killed"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if turn % 2:
            began, delay = time.monotonic(), chance.uniform(0.2, 4.0)
            wait_until(lambda b=began, d=delay: time.monotonic() - b > d, process)
        else:
            # A moment in training: while a new checkpoint is written.
            wait_until(lambda: any(out.glob("checkpoints/*/.tmp-*")), process)
        kill_tree(process, chance)
        torn += bool(list(out.glob("checkpoints/*/.tmp-*")))
        assert finished.items() <= results(out).items(), "a finished job was computed again"
        finished = results(out)
    assert torn >= 1, "no kill fell into a checkpoint's writing"
    last = cli("run", "./small.toml", "--out", "killed")
    assert last.returncode == 0, last.stderr
    assert finished.items() <= results(out).items()
    assert scores(out) == scores(folder / "calm")
    assert len(scores(out)) == 11
    before, after = tensors(folder / "calm"), tensors(out)
    assert before
    common = before.keys() & after.keys()
    assert {name.partition("/")[0] for name in common} == {
        name.partition("/")[0] for name in before
    }
    assert all(equal(before[name], after[name]) for name in common)
    for path in (folder / "calm").glob("checkpoints/*/generator.safetensors"):
        assert (out / path.relative_to(folder / "calm")).read_bytes() == path.read_bytes()


BAD_PLUGIN = """
import time
from srbench.contract import LossSpec, hookimpl

def make(name):
    def build(ctx, params):
        import torch
        class Bad(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.hoard = []
            def forward(self, sr, hr):
                if name == "bad-memory":
                    while True:
                        self.hoard.append(torch.ones(32 * 2**20))
                        time.sleep(0.02)
                if name == "bad-segfault":
                    import ctypes
                    ctypes.string_at(0)
                if name == "bad-hang":
                    while True:
                        time.sleep(1)
                return (sr - hr).abs().mean()
        return Bad()
    build.__qualname__ = build.__name__ = name.replace("-", "_")
    globals()[build.__name__] = build
    build.__module__ = __name__
    return LossSpec(name=name, version=1, summary="", task="none", backbone="none", build=build,
                    license="MIT")

@hookimpl
def srbench_losses():
    return [make(n) for n in ("bad-memory", "bad-segfault", "bad-hang")]
"""


@pytest.fixture
def bad_losses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = folder / "site/misbehaving-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\np = misbehaving_plugin\n")
    (folder / "site/misbehaving_plugin.py").write_text(BAD_PLUGIN)
    present = os.environ.get("PYTHONPATH")
    path = str(folder / "site") + (os.pathsep + present if present else "")
    monkeypatch.setenv("PYTHONPATH", path)


@pytest.mark.usefixtures("bad_losses")
def test_three_misbehaving_losses_fail_alone(cli: Cli, folder: Path) -> None:
    """Track raw: without a calibration the loss is first called in training."""
    bad = ("bad-memory", "bad-segfault", "bad-hang")
    rows = [argument for name in ("first", *bad) for argument in ("--loss", name)]
    done = cli(
        "run", "./small.toml", "--out", "out", *rows,
        "--set", "limits.memory_gib=2.5", "--set", "limits.hang_seconds=40",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    records = {r.loss.label: r for r in read_records([folder / "out"])}
    kinds = {name: records[name].error.kind for name in bad if records[name].error}
    assert kinds == {"bad-memory": "memory", "bad-segfault": "SIGSEGV", "bad-hang": "hang"}
    for name in bad:
        assert name in done.stdout
        assert records[name].status == "failed"
    hung = records["bad-hang"].error
    assert hung is not None
    assert "misbehaving_plugin.py" in hung.traceback  # where it hangs
    assert {records[n].status for n in ("first", "pixel", "vgg16-random")} == {"finished"}
    listed = cli("runs", "show", "out")
    assert listed.stdout.count("failed") == 3
    assert "no sign of life" in listed.stdout


def test_two_runs_at_once_share_the_work(folder: Path, command: list[str]) -> None:
    runs = [
        subprocess.Popen(
            [*command, "run", "./small.toml", "--out", "both", "--loss", "first", "--jobs", "1"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [run.communicate(timeout=900)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    for log in folder.glob("both/jobs/*/events.jsonl"):
        events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
        assert events.count("finished") == 1, log
        assert events.count("started") == 1, log
    assert {r.status for r in read_records([folder / "both"])} == {"finished"}


@pytest.fixture
def small_disk(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a shell script in a mount namespace of its own, where ``disk`` is a small tmpfs."""
    unshare = ["unshare", "--map-root-user", "--mount"]
    probe = [*unshare, "mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if shutil.which("unshare") is None or subprocess.run(probe, check=False).returncode:
        pytest.skip("a small tmpfs needs unshare, user namespaces, and leave to mount")
    (folder / "disk").mkdir()

    def call(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*unshare, "sh", "-c", f"mount -t tmpfs -o size=1400k none disk; {script}"],
            cwd=folder, env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip

    return call


def test_a_full_disk_and_a_read_only_one_lose_nothing_and_say_so(
    small_disk: Callable[..., subprocess.CompletedProcess[str]], folder: Path, command: list[str]
) -> None:
    """Room for the warm start, none for the discriminator's checkpoints; then room; then none."""
    (folder / "small.toml").write_text(TWO_SEEDS.replace("[1, 2]", "[1]"))
    (folder / "srb").write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    (folder / "srb").chmod(0o755)
    done = small_disk(
        """
        run() { ./srb run ./small.toml --loss first --out disk/out >$1.out 2>$1.err
                echo $? >$1.status; stat -c '%n %Y' disk/out/checkpoints/*/result.json >$1.jobs; }
        run full
        mount -o remount,size=100m disk; run roomy
        mount -o remount,ro disk; run frozen
        """
    )
    assert done.returncode == 0, done.stderr

    def told(turn: str) -> tuple[int, str, set[str]]:
        status, error, jobs = ((folder / f"{turn}.{n}").read_text() for n in SAID)
        assert "Traceback" not in error
        return int(status), error, set(jobs.splitlines())

    status, error, before = told("full")
    assert status == 1, error
    assert "No space left" in error or "disk is full" in error
    assert "make room" in error or "disk is full" in error
    assert before, "the warm start had room"
    status, error, after = told("roomy")
    assert status == 0, error
    assert before < after  # finished jobs are as they were
    assert f"{len(before)} reused" in error
    status, error, last = told("frozen")
    assert status == 2, error
    assert "expected an out folder that can be written" in error
    assert last == after


SAID = ("status", "err", "jobs")


def test_a_damaged_checkpoint_and_a_foreign_record(cli: Cli, folder: Path) -> None:
    (folder / "small.toml").write_text(TWO_SEEDS.replace("[1, 2]", "[1]"))
    arguments = ("run", "./small.toml", "--loss", "first", "--out")
    assert cli(*arguments, "calm").returncode == 0
    shutil.copytree(folder / "calm", folder / "hurt")
    out = folder / "hurt"
    (label,) = {r.keys["training"] for r in read_records([out]) if r.loss.label == "first"}
    job = out / "checkpoints" / label
    (job / "result.json").unlink()
    (job / "generator.safetensors").unlink()
    newest = max(job.glob("checkpoint-*.pt"))
    os.truncate(newest, newest.stat().st_size * 7 // 16)
    again = cli(*arguments, "hurt")
    assert again.returncode == 0, again.stderr
    assert scores(out) == scores(folder / "calm")
    (record,) = [r for r in read_records([out]) if r.loss.label == "first"]
    assert any("is damaged" in note and "falling back" in note for note in record.notes)

    (path,) = [p for p in out.glob("records/*.json") if record.key in p.name]
    same = cli("reproduce", str(path), "--out", "again", "--lock", "lock.txt")
    assert same.returncode == 0, same.stderr
    assert "generator: the same, bit for bit" in same.stdout
    assert "reproduced" in same.stdout
    assert "torch==" in (folder / "lock.txt").read_text()

    before = results(out)
    (out / "records/notes.json").write_text("{}")
    (out / "records/README.txt").write_text("mine")
    foreign = cli(*arguments, "hurt")
    assert foreign.returncode == 0
    assert foreign.stderr.count("passed over") == 1
    assert "notes.json" in foreign.stderr
    assert "Traceback" not in foreign.stderr
    assert results(out) == before
    (out / "records/notes.json").unlink()
    assert cli(*arguments, "hurt").returncode == 0


def test_a_folder_that_cannot_be_written_is_refused(cli: Cli, folder: Path) -> None:
    (folder / "file").write_text("in the way")
    done = cli("run", "./small.toml", "--out", "file/out")
    assert done.returncode == 2
    assert "file/out" in done.stderr
    assert "a file stands where a folder is needed: name another path" in done.stderr
    assert "Traceback" not in done.stderr
