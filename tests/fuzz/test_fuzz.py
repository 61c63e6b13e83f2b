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
from typing import Any

import pytest
from click.testing import CliRunner
from mutation import (
    as_json,
    bounded,
    mutated_bytes,
    mutated_document,
    tree,
    unzipped,
    zipped,
)

from srbench.cli import cli
from srbench.data import find_dataset
from srbench.imaging import bicubic_image, lr_image, pixels_sha256, read_image, write_image
from srbench.metrics.pairs import ImagePair
from srbench.metrics.plugin import METRICS
from srbench.metrics.score import score_images
from srbench.models.files import TrainedGenerator, save_generator
from srbench.models.images import published
from srbench.models.plugin import builtin_generator
from srbench.records import record_key
from srbench.records.identity import conditions_sha256
from srbench.records.io import validate_record, write_record
from srbench.settings import parse_suite
from srbench.verify import pack_submission

FROM = int(os.environ.get("SRBENCH_FUZZ_FROM", "0"))
SUBMISSIONS, RECORDS, FOLDERS, SUITES = 2000, 2000, 500, 300
GENERATOR = builtin_generator("msrresnet", {"blocks": 1, "channels": 4}, 4)
SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "for tests"
track = "raw"
seeds = [1]
metrics = ["psnr"]
[data]
train = "photos"
test = ["folder:tiny"]
patch_size = 32
batch_size = 2
[generator]
name = "msrresnet"
blocks = 1
channels = 4
[warm_start]
iterations = 1
[adversarial]
iterations = 1
[[loss]]
label = "first"
name = "l2"
[loss.params]
[[loss]]
label = "second"
name = "charbonnier"
grid = { eps = [0.1, 0.2] }
"""


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
    """An out folder with one image, one metric and two rows: bicubic and a generator's."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    suite = parse_suite(SUITE).model_dump(mode="json", by_alias=True)
    hr = read_image(images / "cat.png")
    for label in ("bicubic", "first"):
        artifacts: dict[str, Any] = {}
        sr = bicubic_image(lr_image(hr, 4), 4)
        if label == "first":
            network = GENERATOR.build(seed=2)
            path = out / "checkpoints" / label / "generator.safetensors"
            digest = save_generator(network, GENERATOR, path)
            size = path.stat().st_size
            name = path.relative_to(out).as_posix()
            artifacts = {"generator": {"path": name, "sha256": digest, "bytes": size}}
            made = published(TrainedGenerator(network=network.eval(), generator=GENERATOR))
            sr = made(lr_image(hr, 4))
        record = validate_record(document(suite, label, sr, hr, images, artifacts))
        write_record(record, out / "records")
    return out


def document(
    suite: dict[str, Any], label: str, sr: Any, hr: Any, images: Path, artifacts: dict[str, Any]
) -> dict[str, Any]:
    spec = next(spec for spec in METRICS if spec.name == "psnr")
    pair = ImagePair(name="cat", sr=sr, hr=hr)
    (score,) = score_images([pair], [spec], protocol="y4-v2", scale=4)["psnr"].values()
    manifest = find_dataset(f"folder:{images}").manifest().sha256
    term = {"name": "l2", "version": 1, "params": {}, "weight": 1.0,
            "distribution": "srbench-core", "distribution_version": "0.1.0"}  # fmt: skip
    return {
        "schema": 2,
        "key": record_key(suite="tiny", version=1, label=label, seed=1, content_scale=1.0),
        "suite": {"name": "tiny", "version": 1, "sha256": conditions_sha256(suite),
                  "track": "raw", "document": suite},
        "loss": {"label": label, "reference": label == "bicubic", "summary": "words",
                 "task": "none", "terms": [term] if artifacts else [], "backbone": "none",
                 "pretrained_on": "", "license": "MIT", "paper": "https://doi.org/x"},
        "seed": 1, "content_scale": 1.0, "status": "finished", "protocol": "y4-v2",
        "scores": {"folder:tiny": {
            "images": ["cat"], "manifest_sha256": manifest, "sizes": {"cat": hr.shape[:2]},
            "pixels_sha256": {"cat": pixels_sha256(sr)},
            "metrics": {"psnr": {"version": 1, "lower_is_better": False, "mean": score,
                                 "per_image": {"cat": score}}}}},
        "validation": [{"iteration": i, "scores": {"psnr": 20.0 + i}} for i in (1, 2, 3)],
        "log": [{"iteration": i, "scores": {"content": 1.0 / i}} for i in (1, 2)],
        "game": [{"iteration": 1, "scores": {"accuracy_hr": 0.8, "accuracy_sr": 0.7,
                                             "accuracy_pairs": 0.9}}],
        "cost": {"device": "a CPU", "seconds": 1.0, "iterations_per_second": 2.0},
        "environment": {"srbench": "0.1.0", "git_commit": None, "git_dirty": None,
                        "python": "3.11", "platform": "x", "cpu": "x", "gpu": None,
                        "threads": 1, "packages": {"numpy": "2.0"}},
        "data": [{"name": "folder:tiny", "role": "test", "count": 1, "sha256": manifest}],
        "artifacts": artifacts, "notes": ["a note"],
    }  # fmt: skip


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


def repair(files: dict[str, bytes]) -> None:
    """Sizes and hashes of the manifest fit again, as a careful forger leaves them."""
    import hashlib

    manifest = json.loads(files["manifest.json"])
    manifest["files"] = [
        {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
        if name != "manifest.json"
    ]
    files["manifest.json"] = as_json(manifest)


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
            repair(files)
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

    whole, path = tomllib.loads(SUITE), work / "suite.toml"
    fine = 0
    for number, draw in cases("suite", SUITES):
        with bounded():
            if draw.random() < 0.4:
                path.write_bytes(mutated_bytes(SUITE.encode(), draw))
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
