"""Thousands of mutated inputs: a line and exit status 0, 1 or 2, nothing outside, little memory.

Every case has a number, by which it is made again. ``SRBENCH_FUZZ_FROM`` starts elsewhere, to try
others than CI does.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from forging import repair_manifest
from mutation import as_json, bounded, mutated_bytes, mutated_document, tree, unzipped, zipped
from small_run import SUITE, write_run

from srbench.cli import cli
from srbench.data import find_dataset
from srbench.imaging import write_image
from srbench.records import read_record
from srbench.records.io import validate_record, write_record
from srbench.verify import pack_submission

FROM = int(os.environ.get("SRBENCH_FUZZ_FROM", "0"))
SUBMISSIONS, RECORDS, FOLDERS, SUITES = 2000, 2000, 500, 300
GRID = """[[loss]]
label = "third"
name = "charbonnier"
grid = { eps = [0.1, 0.2] }
"""
MORE = {
    "validation": [{"iteration": i, "scores": {"psnr": 20.0 + i}} for i in (1, 2, 3)],
    "log": [{"iteration": i, "scores": {"content": 1.0 / i}} for i in (1, 2)],
    "game": [
        {"iteration": 1, "scores": {"accuracy_hr": 0.8, "accuracy_sr": 0.7, "accuracy_pairs": 0.9}}
    ],
    "cost": {"device": "a CPU", "seconds": 1.0, "iterations_per_second": 2.0},
    "notes": ["a note"],
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    write_image(folder / "cat.png", find_dataset("photos-test").load(1)[100:132, 150:182])
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Path:
    """An out folder with one image and two rows, bicubic and a generator's, of many fields."""
    out = write_run(tmp_path_factory.mktemp("runs") / "tiny", images, ("bicubic", "first"))
    for path in (out / "records").glob("*.json"):
        document = read_record(path).model_dump(mode="json", by_alias=True)
        write_record(validate_record({**document, **MORE}), path.parent)
    return out


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that a command may write; all around it must stay as it was."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("as it was")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(folder))
    before = tree(outside)
    yield folder
    assert tree(outside) == before
    assert list(home.iterdir()) == []


def check(number: int, *words: object) -> int:
    """Run a command in this process; its exit status, which is one of those documented."""
    done = CliRunner().invoke(cli, [str(word) for word in words])
    said = f"case {number}: {done.exit_code}\n{done.output[-3000:]}"
    assert done.exit_code in (0, 1, 2), said
    assert "Traceback" not in done.output, said
    assert done.exit_code == 0 or done.output.strip(), said
    assert not any(c in done.output for c in "\x1b\u202e\u200b\0"), said
    return done.exit_code


def cases(kind: str, count: int) -> Iterator[tuple[int, random.Random]]:
    for number in range(FROM, FROM + count):
        yield number, random.Random(f"{kind} {number}")


def forged(record: bytes, draw: random.Random) -> bytes:
    """Another score, whose mean fits: a sound record that says what is not so."""
    document = json.loads(record)
    score = document["scores"]["folder:tiny"]["metrics"]["psnr"]
    score["mean"] *= draw.choice([0.5, 0.999, 1.001, 1.1])
    score["per_image"]["cat"] = score["mean"]
    return as_json(document)


def mutated_submission(good: bytes, draw: random.Random) -> bytes:
    """Of the archive itself, a file in it, a score, or a document in it with hashes that fit."""
    what = draw.random()
    if what < 0.25:
        return mutated_bytes(good, draw)
    files = unzipped(good)
    name = draw.choice(list(files))
    if what < 0.4:
        files[name] = mutated_bytes(files[name], draw)
    elif what < 0.5:
        files[draw.choice(["x", "../x", "records/x.json", "a.pt", "/tmp/x"])] = files.pop(name)
    elif what < 0.55:
        name = draw.choice([name for name in files if name.startswith("records/")])
        files[name] = forged(files[name], draw)
    elif name.endswith(".json"):
        whole = json.loads(files[name])
        changed = mutated_document(whole, draw, draw.choice([1, 1, 2, 4]))
        files[name] = as_json(changed)
    else:
        length = int.from_bytes(files[name][:8], "little")
        head = mutated_bytes(files[name][8 : 8 + length], draw)
        files[name] = len(head).to_bytes(8, "little") + head + files[name][8 + length :]
    if draw.random() < 0.8 and "manifest.json" in files and name != "manifest.json":
        with contextlib.suppress(ValueError):
            repair_manifest(files)
    return zipped(files, draw)


def test_mutated_submissions(run: Path, images: Path, work: Path) -> None:
    good = work / "good.zip"
    pack_submission(run, good)
    words = ("--data", f"folder:tiny={images}")
    assert check(-1, "verify", good, *words) == 0
    data, path = good.read_bytes(), work / "mutated.zip"
    counts = dict.fromkeys((0, 1, 2), 0)
    with bounded(mebibytes=512, seconds=600):
        for number, draw in cases("submission", SUBMISSIONS):
            path.write_bytes(mutated_submission(data, draw))
            with bounded():
                counts[check(number, "verify", path, *words)] += 1
    assert sorted(p.name for p in work.iterdir()) == ["good.zip", "mutated.zip"]
    assert min(counts.values()) > 10, counts  # the mutations reach every outcome


def test_mutated_records(run: Path, work: Path) -> None:
    """In an out folder beside good ones, whose table must be made or refused in a line."""
    from srbench.errors import UserError
    from srbench.records import read_record
    from srbench.records.io import parse_record
    from srbench.report import build_leaderboard, write_leaderboard

    good = [read_record(path) for path in sorted((run / "records").glob("*.json"))]
    whole = next(r for r in good if r.loss.terms).model_dump(mode="json", by_alias=True)
    read = 0
    for number, draw in cases("record", RECORDS):
        times = draw.choice([1, 1, 2, 3])
        text = as_json(mutated_document(whole, draw, times))
        if draw.random() < 0.1:
            text = mutated_bytes(text, draw)
        with bounded():
            try:
                record = parse_record(text)
                read += 1
                board = build_leaderboard([*good, record])
            except UserError:  # exit status 2
                continue
            except Exception as error:
                raise AssertionError(f"case {number}: {error!r}") from error
            for path in write_leaderboard(board, work):
                assert not set(path.read_text()) & set("\x1b\u202e\0"), number
    assert read > RECORDS / 20


def test_mutated_suites(work: Path) -> None:
    import tomllib

    from srbench.errors import SuiteError
    from srbench.settings import expand_losses
    from srbench.settings.load import validate_suite

    whole, path = tomllib.loads(SUITE + GRID), work / "suite.toml"
    fine = 0
    for number, draw in cases("suite", SUITES):
        with bounded():
            if draw.random() < 0.4:
                path.write_bytes(mutated_bytes((SUITE + GRID).encode(), draw))
                assert check(number, "plan", path, "--no-probe") in (0, 2)
                continue
            with contextlib.suppress(SuiteError):
                expand_losses(validate_suite(mutated_document(whole, draw, draw.choice([1, 2]))))
                fine += 1
    assert fine > SUITES / 50


def make_worse(site: Path, draw: random.Random) -> None:
    """One file of a published folder mutated, replaced by a link or a pipe, or one more."""
    files = sorted(
        path
        for path in site.rglob("*")
        if path.is_file() and path.suffix in (".json", ".webp", ".safetensors", ".csv")
    )
    path = draw.choice(files)
    what = draw.random()
    if what < 0.45 and path.suffix == ".json":
        path.write_bytes(as_json(mutated_document(json.loads(path.read_bytes()), draw, 2)))
    elif what < 0.7:
        path.write_bytes(mutated_bytes(path.read_bytes(), draw))
    elif what < 0.8:
        path.unlink()
        path.symlink_to(draw.choice(["/dev/zero", "/etc/passwd", "../../outside/file", "x"]))
    elif what < 0.87:
        path.unlink()
        os.mkfifo(path)
    elif what < 0.93 and path.parent != site:
        folder = path.parent
        folder.rename(site.parent / "moved")
        folder.symlink_to(site.parent.parent / "outside")
    else:
        listing = json.loads((site / "published.json").read_text())
        for name in ("../outside/file", "STUDY.md", "outside/file", "/etc/passwd"):
            listing["files"][name] = {"bytes": 1, "sha256": "0" * 64}
        (site / "published.json").write_text(json.dumps(listing))


def test_mutated_published_folders(run: Path, work: Path, tmp_path: Path) -> None:
    """Published again from the mutated folder to itself: made, or refused in a line."""
    import shutil

    good = tmp_path / "good"
    assert check(-1, "publish", run, "--to", good, "--images", 0) == 0
    (good / "media").mkdir(exist_ok=True)
    (good / "media" / "index.json").write_text('{"encoding": "webp-2", "groups": {}}')
    (good / "verification.json").write_text("{}")
    site = work / "site"
    counts = dict.fromkeys((0, 1, 2), 0)
    for number, draw in cases("folder", FOLDERS):
        shutil.rmtree(site, ignore_errors=True)
        shutil.rmtree(work / "moved", ignore_errors=True)
        shutil.copytree(good, site)
        (site / "STUDY.md").write_text("the study")
        make_worse(site, draw)
        with bounded():
            counts[check(number, "publish", site, "--to", site, "--images", 0)] += 1
        assert (site / "STUDY.md").read_text() == "the study"
    assert counts[0] > 20, counts
    assert counts[2] > 20, counts
