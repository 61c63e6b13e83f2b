"""What is derived is of what it says: pictures, tables and pages of runs that others changed."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from in_process import SUITE, Done, in_process, picture, workplace  # noqa: F401

from srbench.errors import UserError
from srbench.imaging import read_image
from srbench.records.layout import OutFolder, safe_name
from srbench.report import build_leaderboard, write_leaderboard

Cli = Callable[..., Done]
Pixels = npt.NDArray[np.uint8]

MUTATED = 300
FROM, EVERY = (int(n) for n in os.environ.get("SRBENCH_TEST_FOLDERS", "0:30").split(":"))
"""From which on, and every how many of the changed folders are run again; all: 0:1."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workplace(tmp_path))
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def compared(place: Path, out: str = "run") -> dict[str, bytes]:
    """Data set folder and image -> bytes of its comparison picture."""
    folder = place / out / "comparisons"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.glob("*/*.png")}


def test_an_out_folder_belongs_to_one_suite(place: Path, in_process: Cli) -> None:  # noqa: F811
    assert in_process("run", "tiny.toml", "--out", "run").returncode == 0
    (place / "other.toml").write_text(SUITE.replace('name = "tiny"', 'name = "other"'))
    before = compared(place)
    for option in ((), ("--dry-run",)):
        done = in_process("run", "other.toml", "--out", "run", *option)
        assert done.returncode == 2
        assert "belongs to 'tiny'" in done.stderr
        assert "started" not in done.stderr
    assert compared(place) == before


def test_pictures_follow_the_test_images(place: Path, in_process: Cli) -> None:  # noqa: F811
    """A picture is made anew when its image was replaced, and dropped when that was removed."""
    assert in_process("run", "tiny.toml", "--out", "run").returncode == 0
    before = compared(place)
    picture(place / "TEST" / "im0.png", seed=99)
    assert in_process("run", "tiny.toml", "--out", "run").returncode == 0
    replaced = compared(place)
    (folder,) = {name.partition("/")[0] for name in before}
    assert before[f"{folder}/im0.png"] != replaced[f"{folder}/im0.png"]
    assert before[f"{folder}/im1.png"] == replaced[f"{folder}/im1.png"]

    (place / "TEST" / "im1.png").unlink()
    suite = (place / "tiny.toml").read_text()
    (place / "tiny.toml").write_text(suite.replace("iterations = 1", "iterations = 2"))
    for _ in range(2):
        done = in_process("run", "tiny.toml", "--out", "run")
        assert done.returncode == 0, done.said
        assert list(compared(place)) == [f"{folder}/im0.png"]
        kept = (place / "run" / "images" / folder).glob("*/*.png")
        assert {path.name for path in kept} == {"im0.png"}


def test_no_two_data_sets_share_a_folder() -> None:
    names = ("folder:a/b", "folder:a_b", "folder:a?b", "folder_a_b", "é", "e\u0301", "." * 3)
    names += ("folder:" + "x" * 300, "folder:" + "x" * 301, "folder:\udcff", "_")
    folders = [safe_name(name) for name in names]
    assert len(set(folders)) == len(folders)
    assert all(len(os.fsencode(name)) < 128 for name in folders)
    assert all("/" not in name and name not in ("", ".", "..") for name in folders)
    assert safe_name("bsd100") == "bsd100"


def test_two_test_sets_of_one_folder_name(place: Path, in_process: Cli) -> None:  # noqa: F811
    picture(place / "A" / "x" / "im0.png", seed=1)
    picture(place / "A_x" / "im0.png", seed=2)
    tests = '["folder:A/x", "folder:A_x"]'
    assert in_process("run", "tiny.toml", "--out", "run", "--set", f"data.test={tests}").said
    shown = compared(place)
    assert len(shown) == 2
    assert len(set(shown.values())) == 2
    hr = OutFolder(place / "run").images("folder:A/x", "hr-images") / "im0.png"
    assert np.array_equal(read_image(hr), read_image(place / "A" / "x" / "im0.png"))


def test_outputs_never_land_among_inputs(place: Path, in_process: Cli) -> None:  # noqa: F811
    assert in_process("run", "tiny.toml", "--out", "run").returncode == 0
    records = sorted((place / "run" / "records").iterdir())
    assert in_process("report", "run/records").returncode == 0
    assert sorted((place / "run" / "records").iterdir()) == records
    (place / "run" / "records" / "leaderboard.json").write_text("{}")
    done = in_process("report", "run")
    assert done.returncode == 0
    assert "passed over in run/records, no records: leaderboard.json" in done.stderr
    assert in_process("run", "tiny.toml", "--out", "run").returncode == 0


class Truth:
    """What a run shows where nobody touched it."""

    def __init__(self, out: Path) -> None:
        self.out = out
        records = [json.loads(p.read_text()) for p in (out / "records").glob("*.json")]
        self.scores = {r["loss"]["label"]: means(r) for r in records}
        folder = OutFolder(out)
        (dataset,) = {name for r in records for name in r["scores"]}
        self.images: dict[tuple[str, str], Pixels] = {}
        for record in records:
            label = record["loss"]["label"]
            for path in folder.images(dataset, f"{label}-s1").glob("*.png"):
                self.images[label, path.stem] = read_image(path)
        for path in folder.images(dataset, "hr-images").glob("*.png"):
            self.images["hr", path.stem] = read_image(path)


Means = dict[tuple[str, str], str]
"""(data set, metric) -> mean, as tables write it."""


def means(record: dict[str, Any]) -> Means:
    return {
        (dataset, metric): f"{found['mean']:.8g}"
        for dataset, scores in record["scores"].items()
        for metric, found in scores["metrics"].items()
    }


def shown_scores(leaderboard: Path) -> list[tuple[str, Means]]:
    """Label and scores of every row of all tables."""
    document = json.loads(leaderboard.read_text())
    return [
        (
            row["label"],
            {
                (dataset, metric): f"{cell['mean']:.8g}"
                for dataset, cells in row["scores"].items()
                for metric, cell in cells.items()
            },
        )
        for table in (document if isinstance(document, list) else [document])
        for row in table["rows"]
    ]


def shown_pictures(site: Path) -> Iterator[tuple[str, str, Pixels]]:
    index = site / "media" / "index.json"
    groups = json.loads(index.read_text())["groups"] if index.exists() else {}
    for key, group in groups.items():
        for label, shown in group["rows"].items():
            with PIL.Image.open(site / shown["full"]) as image:
                yield label, key.rpartition("/")[2], np.asarray(image.convert("RGB"))


def is_of(picture: Pixels, truth: Pixels) -> bool:
    """Up to what WebP does to it; pictures of other textures differ by some 50 grey levels."""
    same_size = picture.shape == truth.shape
    return same_size and float(np.abs(picture.astype(int) - truth.astype(int)).mean()) < 12


def mutate(rng: random.Random, out: Path, others: list[Path]) -> set[Path]:
    """Remove, cut or swap one to three files; which were touched."""
    files = [p for p in sorted(out.rglob("*")) if p.is_file() and "/jobs/" not in str(p)]
    folders = sorted({p.relative_to(out).parts[0] for p in files})
    touched = set()
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.choice(folders)  # few files are of some kinds, hundreds of others
        path = rng.choice([p for p in files if p.relative_to(out).parts[0] == kind])
        other = rng.choice([p for p in others if p.suffix == path.suffix] or others)
        twin = next((p for p in others if p.parts[-2:] == path.parts[-2:]), other)
        action = rng.choice(("remove", "cut", "swap", "swap"))
        if action == "remove":
            path.unlink(missing_ok=True)
        elif action == "cut" and path.exists():
            os.truncate(path, rng.randrange(path.stat().st_size + 1))
        else:
            shutil.copyfile(rng.choice((twin, other)), path)
        touched.add(path)
    return touched


def test_changed_out_folders_show_nothing_that_is_not_so(
    place: Path,
    in_process: Cli,  # noqa: F811
) -> None:
    """Two runs of one suite name whose files are removed, cut, and exchanged."""
    assert in_process("run", "tiny.toml", "--out", "pristine").returncode == 0
    for i in range(2):
        shutil.copy(place / "TEST" / f"im{i}.png", place / f"im{i}.png")
        picture(place / "TEST" / f"im{i}.png", seed=50 + i)
    again = ("--set", "warm_start.learning_rate=0.01")
    assert in_process("run", "tiny.toml", "--out", "other", *again).returncode == 0
    for i in range(2):
        shutil.move(place / f"im{i}.png", place / "TEST" / f"im{i}.png")
    truth, other = Truth(place / "pristine"), Truth(place / "other")
    expected = compared(place, "pristine")
    rng = random.Random(4)
    foreign = [p for p in sorted((place / "other").rglob("*")) if p.is_file()]
    out, site = place / "out", place / "site"
    shutil.copytree(truth.out, out)
    for number in range(MUTATED):
        touched = mutate(rng, out, foreign)
        if _table(out, in_process, by_command=number % 10 == 0):
            _check_scores(out, touched)
        if number % 8 == 0 or any("/images/" in str(p) for p in touched):
            done = in_process("publish", "out", "--to", "site")
            assert done.returncode in (0, 2), (touched, done.said)
            if done.returncode == 0:
                _check_pictures(site, (truth, other), touched)
        if number % EVERY == FROM:
            done = in_process("run", "tiny.toml", "--out", "out")
            assert done.returncode in (0, 2), (touched, done.said)
            if done.returncode == 0:
                assert dict(shown_scores(out / "leaderboard.json")) == truth.scores, touched
                assert compared(place, "out") == expected, touched
                for label, name, shown in shown_pictures(out / "site"):
                    assert is_of(shown, truth.images[label, name]), (touched, label, name)
            shutil.rmtree(out)
            shutil.copytree(truth.out, out)
        _restore(truth.out, out, touched)


def _table(out: Path, cli: Cli, *, by_command: bool) -> bool:
    """Write the table; whether there is one. Most times without what prints it."""
    if by_command:
        done = cli("report", "out")
        assert done.returncode in (0, 2), done.said
        return done.returncode == 0
    try:
        write_leaderboard(build_leaderboard(out), out)
    except UserError:
        return False
    return True


def _restore(pristine: Path, out: Path, touched: set[Path]) -> None:
    written = {out / f"leaderboard.{suffix}" for suffix in ("csv", "json", "md")}
    for path in touched | written:
        shutil.copy2(pristine / path.relative_to(out), path)


def _check_scores(out: Path, touched: set[Path]) -> None:
    stated = []
    for path in (out / "records").glob("*.json"):
        record = json.loads(path.read_text())
        stated.append((record["loss"]["label"], means(record)))
    for row in shown_scores(out / "leaderboard.json"):
        assert row in stated, (touched, row)


def _check_pictures(site: Path, truths: tuple[Truth, Truth], touched: set[Path]) -> None:
    """Each is of a run whose scores stand beside it."""
    rows = shown_scores(site / "leaderboard.json")
    for label, name, shown in shown_pictures(site):
        beside = [t for t in truths if (label, t.scores.get(label)) in rows]
        if label == "hr":  # which has no scores by these metrics
            beside = [t for t in truths if any(row in rows for row in t.scores.items())]
        found = any(is_of(shown, truth.images[label, name]) for truth in beside)
        assert found, (touched, label, name)
