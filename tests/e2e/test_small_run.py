"""One small suite through the command line and the Python API."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from srbench.records import read_records

from .conftest import Cli, Said

pytestmark = pytest.mark.slow

LABELS = {"hr", "bicubic", "warm-start", "pixel", "vgg16-random", "first", "mix"}


def generators(out: Path) -> dict[tuple[str, int], str]:
    return {
        (r.loss.label, r.seed): r.artifacts["generator"].sha256
        for r in read_records([out])
        if "generator" in r.artifacts
    }


def scores(out: Path) -> dict[str, object]:
    return {
        r.loss.label: {d: s.model_dump() for d, s in r.scores.items()} for r in read_records([out])
    }


def test_a_run_a_rerun_and_the_python_api_agree(
    cli: Cli, folder: Path, calm: tuple[Path, Said]
) -> None:
    out, first = calm
    assert all(label in first.stdout for label in LABELS)
    assert {r.loss.label for r in read_records([out])} == LABELS

    rows = list(csv.DictReader((out / "leaderboard.csv").read_text().splitlines()))
    assert {row["label"] for row in rows} == LABELS
    assert float(next(r for r in rows if r["label"] == "bicubic")["psnr"]) == pytest.approx(
        (26.84 + 31.48 + 27.29) / 3, abs=0.02
    )
    assert json.loads((out / "leaderboard.json").read_text())
    assert "calm/site/index.html" in first.stderr
    assert "mix" in (out / "site/index.html").read_text()
    assert list((out / "site/media").glob("*.webp"))
    assert (out / "leaderboard.md").read_text().startswith("#")
    assert sorted(p.name for p in (out / "comparisons/photos-test").glob("*.png")) == [
        "astronaut.png",
        "chelsea.png",
        "coffee.png",
    ]
    assert len(list((out / "images/photos-test/mix-s1").glob("*.png"))) == 3
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert {"log", "validation", "ended"} <= {event["event"] for event in events}

    before = {path: path.stat().st_mtime_ns for path in out.glob("checkpoints/*/result.json")}
    again = cli("run", "./small.toml", "--out", "calm")
    assert again.returncode == 0, again.stderr
    assert "0 jobs to run" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before

    import srbench

    result = srbench.run_suite(folder / "small.toml", out=folder / "b", progress=False)
    assert not result.failed
    assert generators(folder / "b") == generators(out)
    assert scores(folder / "b") == scores(out)

    (generator,) = {
        r.artifacts["generator"].path for r in read_records([out]) if r.loss.label == "mix"
    }
    image = out / "images/photos-test/hr-images/chelsea.png"
    done = cli("upscale", f"calm/{generator}", str(image), "--out", "big", "--tile", "64")
    assert done.returncode == 0, done.stderr
    from srbench.imaging import image_size

    height, width = image_size(image)
    assert image_size(folder / "big/chelsea_x4.png") == (4 * height, 4 * width)


def test_a_killed_run_continues_to_the_same_bits(
    cli: Cli, folder: Path, command: list[str], calm: tuple[Path, Said]
) -> None:
    process = subprocess.Popen(
        [*command, "run", "./small.toml", "--out", "killed"],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while len(list(folder.glob("killed/checkpoints/*/result.json"))) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = cli("run", "./small.toml", "--out", "killed")
    assert done.returncode == 0, done.stderr
    assert "reused" in done.stderr
    assert generators(folder / "killed") == generators(calm[0])
    assert scores(folder / "killed") == scores(calm[0])


def test_ctrl_c_leaves_finished_work_usable(cli: Cli, folder: Path, command: list[str]) -> None:
    process = subprocess.Popen(
        [*command, "run", "./small.toml", "--out", "stopped"],
        cwd=folder,
        # Parallel test processes ignore SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while not list(folder.glob("stopped/checkpoints/*/result.json")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "rerun to continue" in stderr
    assert cli("run", "./small.toml", "--out", "stopped").returncode == 0


def test_a_failing_loss_fails_alone(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder / "site"
    info = site / "exploding-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: exploding\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\np = exploding_plugin\n")
    (site / "exploding_plugin.py").write_text(
        "from srbench.contract import LossSpec, hookimpl\n"
        "def build(ctx, params):\n"
        "    import torch\n"
        "    class Exploding(torch.nn.Module):\n"
        "        calls = 0\n"
        "        def forward(self, sr, hr):\n"
        "            self.calls += 1\n"
        "            bad = float('nan') if self.calls > 4 else 1.0\n"
        "            return bad * (sr - hr).abs().mean()\n"
        "    return Exploding()\n"
        "@hookimpl\n"
        "def srbench_losses():\n"
        "    return [LossSpec(name='exploding', version=1, summary='', task='none',\n"
        "                     backbone='none', build=build, license='MIT')]\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    done = cli("run", "./small.toml", "--out", "c", "--loss", "first", "--loss", "exploding")
    assert done.returncode == 1, done.stderr
    assert "content" in done.stderr
    records = {r.loss.label: r for r in read_records([folder / "c"])}
    failed = records["exploding"]
    assert failed.status == "failed"
    assert failed.error is not None
    assert (failed.error.kind, failed.error.term) == ("NonFiniteLoss", "content")
    assert failed.error.iteration is not None
    assert records["first"].status == "finished"
    assert "exploding" in done.stdout
