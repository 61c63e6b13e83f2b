"""What people do every day, by the commands that they type: runs, edits, seeds, folders, checks."""

import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from in_process import Done, call, in_process, workplace  # noqa: F401
from PIL import Image

import srbench
from srbench.run.exec.estimate import Estimate
from srbench.run.plan.jobs import Job

Run = Callable[..., Done]
Cli = Callable[..., Done]

PLUGIN = """
from srbench.contract import LossSpec, hookimpl

def build(ctx, params):
    from edited_loss.loss import make
    return make()

@hookimpl
def srbench_losses():
    return [LossSpec(name="edited", version=1, summary="s", task="none", backbone="none",
                     build=build, license="MIT")]
"""
LOSS = "import torch\n\ndef make():\n    return torch.nn.L1Loss()\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workplace(tmp_path))
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def run(place: Path, in_process: Cli) -> Run:  # noqa: F811
    """``srbench run tiny.toml ...``, as a new process that has imported no loss yet."""

    def start(*more: str) -> Done:
        for name in [name for name in sys.modules if name.startswith("edited_loss")]:
            del sys.modules[name]
        return in_process("run", "tiny.toml", "--out", "out", *more)

    return start


@pytest.fixture
def loss(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an installed loss, as after ``pip install -e``."""
    package, info = place / "site" / "edited_loss", place / "site" / "edited_loss-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(PLUGIN)
    (package / "loss.py").write_text(LOSS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edited-loss\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\nedited = edited_loss.plugin\n")
    monkeypatch.syspath_prepend(str(place / "site"))
    return package / "loss.py"


def jobs(done: Done) -> str:
    """How many were to run, and how many were reused."""
    assert done.returncode == 0, done.said
    return re.findall(r"\d+ jobs? to run.*", done.stderr)[0]


def test_an_edited_loss_stops_the_run_until_its_author_says_what_it_is(
    run: Run, loss: Path, place: Path
) -> None:
    row = ("--loss", "edited")
    everything = int(jobs(run(*row)).split()[0])

    loss.write_text(f"# as in the paper\n{LOSS}")
    assert jobs(run(*row)) == f"0 jobs to run, {everything} reused"

    loss.write_text(LOSS.replace("L1Loss", "MSELoss"))
    kept = {path: path.stat().st_mtime_ns for path in (place / "out").rglob("result.json")}
    stopped = run(*row)
    assert stopped.returncode == 2
    assert "the code of loss 'edited' was edited, and its version still is 1" in stopped.stderr
    assert " to run" not in stopped.stderr
    assert {p: p.stat().st_mtime_ns for p in (place / "out").rglob("result.json")} == kept

    assert jobs(run(*row, "--fresh", "edited")) == f"1 job to run, {everything - 1} reused"

    loss.write_text(LOSS.replace("torch.nn.L1Loss()", "torch.nn.modules.MSELoss()"))
    assert run(*row).returncode == 2
    accepted = run(*row, "--accept-code-change")
    assert jobs(accepted) == f"0 jobs to run, {everything} reused"


def test_a_seed_is_of_one_run_and_plan_counts_as_run_does(run: Run, place: Path) -> None:
    def table(*more: str) -> tuple[list[int], dict[str, tuple[str, list[int]]]]:
        told = json.loads(call("report", "out", "--json", *more).stdout)
        return told["seeds"], {r["label"]: (r["status"], r["seeds"]) for r in told["rows"]}

    assert run().returncode == 0
    seeds, rows = table()
    third = ("--seed", "3", "--loss", "l1")
    planned = call("plan", "tiny.toml", "--out", "out", "--no-probe", "--json", *third)
    todo = [job for job in json.loads(planned.stdout)["jobs"] if job["state"] == "run"]
    assert {job["seed"] for job in todo} == {3}
    assert jobs(run(*third)).startswith(f"{len(todo)} jobs to run")
    assert (seeds, rows) == table()  # of the suite's own seed, and no row is incomplete
    assert table("--seed", "3")[0] == [3]
    assert jobs(run()).startswith("0 jobs to run")


def test_a_run_ends_in_a_table_a_verdict_and_where_the_rest_is(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = run("--loss", "charbonnier,epsilon=0.1", "--set", 'report.rank_metric="psnr"')
    assert done.returncode == 0, done.said
    end = done.stderr[done.stderr.index("All of it: ") :].splitlines()
    shown = done.stdout.splitlines()
    assert len(shown) + len(end) <= 40
    assert any(line.split()[1:2] == ["charbonnier-0.1"] for line in shown), done.stdout
    assert sum(line.startswith("First by ") for line in shown) == 1
    assert end[0] == "All of it: srbench report out --full"
    for line, name in zip(end[1:], ("Table", "Page", "Pictures"), strict=True):
        assert line.startswith(f"{name}: out/")
    assert Path(end[2].removeprefix("Page: ")).is_file()
    again = call("report", "out").stdout
    assert again.splitlines() == shown
    full = call("report", "out", "--full").stdout
    assert "The losses" in full
    assert "The losses" not in again


NAMINGS = [
    ("{}x4", "{}", ("0801", "0802")),  # DIV2K
    ("img_{}_SRF_4_SR", "img_{}_SRF_4_HR", ("001", "002")),  # Urban100
    ("{}_out", "{}", ("baby", "bird")),  # Real-ESRGAN
    ("{}_x4_ESRGAN", "{}", ("baby", "bird")),  # BasicSR
]


def images(folder: Path, *names: str, brighter: int = 0) -> str:
    """A picture of noise for each name; equal places have equal pictures, but for brightness."""
    folder.mkdir()
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 251, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels + np.uint8(brighter)).save(folder / f"{name}.png")
    return str(folder)


@pytest.mark.parametrize(("sr", "hr", "names"), NAMINGS)
def test_eval_matches_the_namings_of_the_field_without_a_flag(
    sr: str, hr: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    made = images(tmp_path / "sr", *map(sr.format, names), brighter=5)
    truth = images(tmp_path / "hr", *map(hr.format, names))
    done = call("eval", "--sr", made, "--hr", truth, "--metric", "psnr", "--json")
    assert done.returncode == 0, done.said
    scores = json.loads(done.stdout)["metrics"]["psnr"]["per_image"]
    off_by_five = 20 * math.log10(255 / (5 * 219 / 255))  # of Y, where each has its own partner
    expected = {f"{sr.format(name)}.png": off_by_five for name in names}
    assert scores == pytest.approx(expected, abs=1e-3)
    assert "matched 2 images: SR NAME" in done.stderr  # what was left out of the names is said


def test_eval_says_which_flag_it_needs_and_takes_two_files(tmp_path: Path) -> None:
    made = images(tmp_path / "sr", "0801x4", "0802x4", "0803")
    truth = images(tmp_path / "hr", "0801", "0802")
    where = ("eval", "--sr", made, "--hr", truth, "--metric", "psnr", "--json")
    refused = call(*where)
    assert refused.returncode == 2
    assert "--subset" in refused.stderr or "--sr-suffix" in refused.stderr
    chosen = call(*where, "--sr-suffix", "x4", "--subset")
    assert json.loads(chosen.stdout)["images"] == 2
    files = ("--sr", f"{made}/0801x4.png", "--hr", f"{truth}/0802.png")
    assert json.loads(call("eval", *files, "--metric", "psnr", "--json").stdout)["images"] == 1


def test_plan_tells_times_in_units_of_people(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(jobs: list[Job], say: object) -> dict[str, Estimate]:
        return {
            job.key: Estimate(
                flops=1e12, memory_bytes=2**30, seconds=5400.0, seconds_per_iteration=1.0
            )
            for job in jobs
        }

    monkeypatch.setattr("srbench.run.exec.estimate.estimate_jobs", measured)
    said = call("plan", "tiny.toml", "--out", "out", "--jobs", "1").stdout
    todo = int(re.findall(r"^to run: (\d+) jobs", said, re.MULTILINE)[0])
    assert f"time: about {1.5 * todo:.1f} h with 1 at once" in said
    assert " 1.5 h" in said


@pytest.mark.parametrize("name", ["fft-l1", "wavelet-l1", "ldl", "vgg19-realesrgan"])
def test_losses_that_people_ask_for_are_there(name: str) -> None:
    told = call("losses", name)
    assert told.returncode == 0, told.said
    assert "license: " in told.stdout


def test_the_page_on_writing_a_loss_goes_to_the_end() -> None:
    page = call("docs", "write-a-loss").stdout
    for word in ("srbench submit", "srbench verify", "FeatureLoss.features", "resolve"):
        assert word in page
    assert "shares_network_with=(" in page


@pytest.mark.parametrize(
    "words",
    [
        ("eval", "--sr", "DATA", "--hr", "DATA", "--metric", "psnrr"),
        ("run", "tiny.toml", "--set", "seeds=[]"),
        ("run", "tiny.toml", "--set", "data.patch_size=-1"),
        ("run", "tiny.toml", "--loss", "vgg16,tap=conv9_9"),
        ("upscale", "absent.safetensors", "absent.png"),
        ("report", "absent"),
    ],
    ids=lambda words: " ".join(words[:1] + words[-1:]),
)
def test_a_mistake_is_told_once(words: tuple[str, ...], place: Path, in_process: Cli) -> None:  # noqa: F811
    done = in_process(*words)
    assert done.returncode == 2, done.said
    (first,) = [line for line in done.stderr.splitlines() if line.lower().startswith("error")]
    assert first.count(", got ") <= 1, first
    assert "got got" not in first
    assert not re.search(r"got:? expected", first), first


def test_upscales_help_says_what_it_takes() -> None:
    told = call("upscale", "--help").stdout
    for word in ("RUN", "--row", "--strength", "float64", "srbench upscale"):
        assert word in told, word


def test_what_a_notebook_offers_is_the_api() -> None:
    assert set(dir(srbench)) == {
        "__version__", "calibrate", "evaluate", "load_loss", "run_suite"
    }  # fmt: skip


@pytest.mark.slow
def test_a_loss_that_is_nan_on_flat_images_fails_its_check(loss: Path) -> None:
    loss.write_text(
        "import torch\n\nclass Loss(torch.nn.Module):\n    def forward(self, sr, hr):\n"
        "        return ((sr - hr) ** 2).mean() / hr.std()\n\ndef make():\n    return Loss()\n"
    )
    done = call("check", "edited", "--only", "flat-images")
    assert done.returncode == 1
    assert "failed   flat-images" in done.stdout
    assert "flat image" in done.stdout
