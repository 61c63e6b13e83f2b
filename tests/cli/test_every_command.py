"""Every command on a full or read-only disk, with impossible names, interrupted, and run again.

What it may say is one line and a cure, what it may not is a traceback; and what was finished before
is still there.
"""

from __future__ import annotations

import hashlib
import os
import random
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forked import Finished, forked
from in_process import picture, workplace

from srbench.cli import COMMANDS

Word = str | bytes
Make = Callable[["Place", Word], list[Word]]


@dataclass(frozen=True)
class Place:
    """A folder with images, a suite and a finished run, and the cache that the run left."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "place"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def first(self, pattern: str) -> str:
        return str(sorted(self.folder.glob(pattern))[0].relative_to(self.folder))

    @property
    def generator(self) -> str:
        return self.first("done/checkpoints/*/generator.safetensors")

    @property
    def record(self) -> str:
        return self.first("done/records/*.json")


EVAL = ("eval", "--sr", "TEST", "--hr", "TEST", "--metric", "psnr")
STUDY = ("study", "create", "--loss=l1", "--loss=bicubic", "--budget=none", "--crop=32")

WRITE: dict[str, Make] = {
    "run": lambda p, x: ["run", "tiny.toml", "--out", x],
    "reproduce": lambda p, x: ["reproduce", p.record, "--out", x],
    "reproduce --lock": lambda p, x: ["reproduce", p.record, "--dry-run", "--lock", x],
    "eval --csv": lambda p, x: [*EVAL, "--csv", x],
    "upscale": lambda p, x: ["upscale", p.generator, "TEST/im0.png", "--out", x],
    "report": lambda p, x: ["report", "done", "--to", x],
    "publish": lambda p, x: ["publish", "done", "--to", x],
    "submit": lambda p, x: ["submit", "done", "--output", os.fsencode(x) + b".zip"],
    "verify": lambda p, x: ["verify", "done.zip", "--data", "folder:TEST=TEST", "--report", x],
    "probe": lambda p, x: ["probe", "l1", "--out", x],
    "new-plugin": lambda p, x: ["new-plugin", "my-loss", "--out", x],
    "suites new": lambda p, x: ["suites", "new", "mine", "--from", "tiny.toml", "--out", x],
    "study create": lambda p, x: [*STUDY, "done", "--to", x],
}
"""Commands that write to a path that the user names."""

ONCE = [WRITE[name] for name in ("new-plugin", "suites new", "study create")]
"""They write over nothing that is there."""

READ: dict[str, Make] = {
    "plan": lambda p, x: ["plan", x, "--no-probe"],
    "runs list": lambda p, x: ["runs", "list", x],
    "runs show": lambda p, x: ["runs", "show", x],
    "runs gc": lambda p, x: ["runs", "gc", x, "--delete"],
    "eval": lambda p, x: ["eval", "--sr", x, "--hr", x, "--metric", "psnr"],
    "agree": lambda p, x: ["agree", x, "--mos", "mos.csv", "--metric", "psnr"],
    "agree --mos": lambda p, x: ["agree", "opinions", "--mos", x, "--metric", "psnr"],
    "upscale IMAGE": lambda p, x: ["upscale", p.generator, x],
    "upscale CHECKPOINT": lambda p, x: ["upscale", x, "TEST/im0.png"],
    "report OUT": lambda p, x: ["report", x],
    "publish OUT": lambda p, x: ["publish", x, "--to", "site"],
    "publish --readme": lambda p, x: ["publish", "done", "--to", "site", "--readme", x],
    "submit OUT": lambda p, x: ["submit", x],
    "verify FILE": lambda p, x: ["verify", x],
    "reproduce RECORD": lambda p, x: ["reproduce", x],
    "probe --against": lambda p, x: ["probe", "--against", x],
    "data verify": lambda p, x: ["data", "verify", b"folder:" + os.fsencode(x)],
    "data assemble": lambda p, x: ["data", "assemble", "bsdt100", "--from", x],
    "data prepare": lambda p, x: ["data", "prepare", b"folder:" + os.fsencode(x)],
    "run --set": lambda p, x: ["run", "tiny.toml", "--set", b"data.train=folder:" + os.fsencode(x)],
    "tune": lambda p, x: ["tune", x],
    "suites show": lambda p, x: ["suites", "show", x],
    "calibrate": lambda p, x: ["calibrate", "l1", "--reference", "l2", "--sr", x, "--hr", x],
    "certify": lambda p, x: ["certify", "--show", x],
    "study create OUT": lambda p, x: [*STUDY, x, "--to", "study"],
    "study plan": lambda p, x: ["study", "plan", x],
    "study serve": lambda p, x: ["study", "serve", x, "--port", "0"],
    "study analyse": lambda p, x: ["study", "analyse", x, "--no-metrics"],
    "study merge": lambda p, x: ["study", "merge", x, "--to", "votes.csv"],
}
"""Commands that read from one; it holds nothing that they could use."""

PLAIN: dict[str, Make] = {
    "losses": lambda p, x: ["losses"],
    "plugins": lambda p, x: ["plugins"],
    "weights list": lambda p, x: ["weights", "list"],
    "weights verify": lambda p, x: ["weights", "verify"],
    "data list": lambda p, x: ["data", "list"],
    "data verify TEST": lambda p, x: ["data", "verify", "folder:TEST"],
    "data prepare TRAIN": lambda p, x: ["data", "prepare", "folder:TRAIN"],
    "plan SUITE": lambda p, x: ["plan", "tiny.toml", "--no-probe"],
    "runs gc done": lambda p, x: ["runs", "gc", "done", "--delete"],
    "runs show done": lambda p, x: ["runs", "show", "done"],
    "check": lambda p, x: ["check", "l1", "--only", "spec-is-sound"],
    "suites list": lambda p, x: ["suites", "list"],
    "suites keys": lambda p, x: ["suites", "keys", "data"],
    "docs": lambda p, x: ["docs", "suites"],
    "calibrate TRAIN": lambda p, x: [
        *["calibrate", "l1", "--reference", "l2", "--data", "folder:TRAIN", "--size", "32"],
    ],
    "agree done": lambda p, x: ["agree", "opinions", "--mos", "mos.csv", "--metric", "psnr"],
}
"""Commands that name no path that a fault could be put in."""


def test_no_command_is_forgotten() -> None:
    walked = {name.split()[0] for name in (*WRITE, *READ, *PLAIN)}
    assert walked == set(COMMANDS)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("walk"))
    workplace(place.folder)
    rated = ["reference,distorted,score"]
    for number in range(6):
        picture(place.folder / "opinions" / "distorted" / f"{number}.png", seed=number)
        picture(place.folder / "opinions" / "reference" / f"{number % 2}.png", seed=number % 2)
        rated.append(f"{number % 2}.png,{number}.png,{number}")
    (place.folder / "mos.csv").write_text("\n".join(rated))
    for args in (["run", "tiny.toml", "--out", "done"], ["submit", "done", "-o", "done.zip"]):
        done = forked(args, place.folder, environment=environment(place))
        assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def place(pristine: Place, tmp_path: Path) -> Iterator[Place]:
    shutil.copytree(pristine.root, tmp_path / "copy")
    yield Place(tmp_path / "copy")
    _writable(tmp_path, True)


def environment(place: Place) -> dict[str, str]:
    """Without an index: what it says of each package of a lock takes seconds."""
    cache = {"SRBENCH_CACHE": str(place.cache), "SRBENCH_DATA": "", "PIP_NO_INDEX": "1"}
    return {**cache, "COLUMNS": "200"}


def _writable(root: Path, yes: bool) -> None:
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if yes else 0o555)


def finished(place: Place) -> dict[str, str]:
    """Everything of the finished run that took computing, by hash."""
    kept = ("records", "scores", "checkpoints/*")
    return {
        str(path.relative_to(place.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in kept
        for path in (place.folder / "done").glob(f"{part}/*")
        if path.suffix == ".safetensors" or path.parent.name in ("records", "scores")
    }


def walk(place: Place, make: Make, word: Word, **fault: object) -> Finished:
    """One command, which fails in a way that a user can read, or succeeds."""
    before = finished(place)
    args = make(place, word)
    done = forked(args, place.folder, environment=environment(place), **fault)  # type: ignore[arg-type]
    assert "Traceback" not in done.stderr, (args, done.stderr)
    interrupted = (130,) if "interrupt" in fault else ()
    assert done.returncode in (0, 1, 2, *interrupted), (args, done.stderr)
    if done.returncode in (1, 2):
        assert done.stderr.strip(), args
        assert sum("rror: " in line for line in done.stderr.splitlines()) <= 1, done.stderr
    assert finished(place) == before, args
    for folder in (place.folder, place.cache):
        assert not [p for p in folder.rglob(".tmp-*") if "checkpoints" not in p.parts], args
    return done


def named(*groups: dict[str, Make]) -> pytest.MarkDecorator:
    commands = {name: make for group in groups for name, make in group.items()}
    return pytest.mark.parametrize("make", list(commands.values()), ids=list(commands))


@named(WRITE, PLAIN)
def test_a_full_disk(place: Place, make: Make) -> None:
    done = walk(place, make, "out", disk=0)
    if make in WRITE.values():
        assert done.returncode in (1, 2)
        assert "\n  -> " in done.stderr


@named(WRITE, PLAIN)
def test_a_read_only_disk(place: Place, make: Make) -> None:
    _writable(place.root, False)
    done = walk(place, make, "out", rights=False)
    if make in WRITE.values():
        assert done.returncode in (1, 2)
        assert "\n  -> " in done.stderr


@named(WRITE, READ)
def test_a_file_in_place_of_a_folder(place: Place, make: Make) -> None:
    done = walk(place, make, random.choice(("mos.csv/x", "/dev/null/x")))
    assert done.returncode in (1, 2) or "no runs" in done.stderr


@named(WRITE, READ)
def test_a_name_of_250_bytes(place: Place, make: Make) -> None:
    walk(place, make, "b" * 250)


@named(WRITE, READ)
def test_a_name_that_is_not_utf_8(place: Place, make: Make) -> None:
    walk(place, make, b"caf\xe9")


@named(WRITE, PLAIN)
def test_interrupted_at_a_random_moment_and_run_again(place: Place, make: Make) -> None:
    """And a third time: what was finished is not done again, and not in the way."""
    walk(place, make, "out", interrupt=random.uniform(0, 0.5))
    for _ in range(2 if make in WRITE.values() else 1):
        done = walk(place, make, "out")
        assert done.returncode == 0 or make in ONCE, done.stderr


TRAINING = ("run", "tiny.toml", "--out", "out", "--loss", "l1")
LONG = "b" * 240 + ".png"


def test_a_report_of_an_interrupted_run_says_how_to_go_on(place: Place) -> None:
    """And what it says goes on, from the checkpoint that Ctrl-C left."""
    long = ("--set", "warm_start.iterations=100000")
    began = place.folder / "out" / "checkpoints"
    done = walk(place, lambda p, x: [*TRAINING, *long], "", interrupt=began.exists)
    assert done.returncode == 130
    assert "interrupted; finished work is kept, rerun to continue" in done.stderr
    done = walk(place, lambda p, x: ["report", "out"], "")
    assert done.returncode == 2
    assert "nothing is scored yet in out: 0 of 3 jobs are finished" in done.stderr
    assert f"go on with: srbench {shlex.join((*TRAINING, *long))}" in done.stderr


REFUSED: dict[str, tuple[list[str], str, int]] = {
    "a README that is not UTF-8": (
        ["publish", "done", "--to", "site", "--readme", "latin.md"],
        "expected a README in UTF-8, got latin.md", 2,
    ),
    "a home that nobody has": (
        ["run", "tiny.toml", "--out", "out", "--set", "data.train=folder:~nobodyhere/x"],
        "~nobodyhere/x: nothing there", 2,
    ),
    "a seed of 23 digits": (
        [*TRAINING, "--seed", "9" * 23],
        f"expected seeds from 0 to 4294967295, got {'9' * 23}", 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_told_before_anything_is_written(place: Place, case: str) -> None:
    (place.folder / "latin.md").write_bytes(b"\xff\xfe")
    args, said, status = REFUSED[case]
    done = walk(place, lambda p, x: [*args], "")
    assert done.returncode == status
    assert said in done.stderr
    assert not {"out", "site"} & {path.name for path in place.folder.iterdir()}


def test_a_cache_that_is_no_folder_is_told_before_training(place: Place) -> None:
    done = forked(TRAINING, place.folder, environment={"SRBENCH_CACHE": "/dev/null/x"})
    assert done.returncode == 2
    assert "error: Not a directory: /dev/null/x" in done.stderr
    assert "set SRBENCH_CACHE to a folder that can be written" in done.stderr
    assert "started" not in done.stderr


def test_an_image_whose_name_is_as_long_as_a_name_may_be_is_enlarged(place: Place) -> None:
    shutil.copy(place.folder / "TEST" / "im0.png", place.folder / LONG)
    walk(place, lambda p, x: ["upscale", p.generator, LONG, "TEST/im0.png", "--out", "o"], "")
    long, short = sorted((place.folder / "o").iterdir())
    assert (long.name, short.name) == (f"{LONG[:-4]}_x4.png", "im0_x4.png")
    assert long.read_bytes() == short.read_bytes()
