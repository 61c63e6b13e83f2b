"""The published leaderboard is what its own records say, and its rows can be recomputed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sizes import size
from snippets import documented_snippets

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "leaderboard"
STUDY = ("pretext-cpu", 3)
"""Name and version of the suite that STUDY.md is about."""


def srbench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "srbench", *words],
        capture_output=True,
        text=True,
        timeout=1200,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="module")
def boards() -> dict[tuple[str, int], dict]:
    """Name and version of a suite -> the table of its rows."""
    found = json.loads((PUBLISHED / "leaderboard.json").read_text())
    return {(b["suite"]["name"], b["suite"]["version"]): b for b in found}


@pytest.fixture(scope="module")
def records() -> dict[Path, dict]:
    """The records of :data:`STUDY`."""
    found = {p: json.loads(p.read_text()) for p in (PUBLISHED / "records").glob("*.json")}
    return {p: r for p, r in found.items() if (r["suite"]["name"], r["suite"]["version"]) == STUDY}


@pytest.fixture
def test_sets() -> str:
    """SRBENCH_DATA with the test sets of :data:`STUDY`; ``bsdt20`` is the first of ``bsdt100``."""
    roots = [Path(p) for p in os.environ.get("SRBENCH_DATA", "").split(os.pathsep) if p]
    roots.append(ROOT.parent / "shared" / "data")
    wanted = {"set5", "bsdt100"}
    for root in roots:
        if wanted <= {p.name.lower() for p in root.iterdir()} if root.is_dir() else False:
            return str(root)
    pytest.skip(f"neither SRBENCH_DATA nor ../shared/data has {', '.join(sorted(wanted))}")


@pytest.mark.slow
def test_the_committed_records_give_the_published_tables_twice(tmp_path: Path) -> None:
    """The tables, pictures and generators that are committed, the README's table, and each page."""
    first, second = (publish_to(tmp_path / name) for name in ("first", "second"))
    files = json.loads((first / "published.json").read_text())["files"]
    assert sum(name.endswith(".html") for name in files) > 40
    for name in [*files, "published.json", "README.md"]:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    for name in files:
        if name.split("/")[0] in ("records", "generators", "media") or "leaderboard." in name:
            assert (first / name).read_bytes() == (PUBLISHED / name).read_bytes(), name
    assert (first / "README.md").read_text() == (ROOT / "README.md").read_text()


def publish_to(folder: Path) -> Path:
    folder.mkdir()
    for path in (PUBLISHED / "STUDY.md", PUBLISHED / "verification.json", ROOT / "README.md"):
        shutil.copy(path, folder)  # these are not published; pages and tables name them
    readme = str(folder / "README.md")
    done = srbench("publish", str(PUBLISHED), "--to", str(folder), "--readme", readme)
    assert done.returncode == 0, done.stderr
    return folder


def test_what_can_be_made_again_is_not_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "leaderboard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    kinds = {Path(name).suffix for name in listed.stdout.split()}
    assert kinds <= {".csv", ".json", ".md", ".safetensors", ".webp"}


@pytest.mark.slow
def test_a_row_is_recomputed_by_another_instruction_set(
    test_sets: str, records: dict[Path, dict], tmp_path: Path
) -> None:
    """A generator, and one with the points of its curve, as AVX2 alone makes them.

    On Set5; the large test has all sets.
    """
    rows = {("hed-conv4_3", 1), ("warm-start", 1)}
    chosen = {p: r for p, r in records.items() if (r["loss"]["label"], r["seed"]) in rows}
    made = {r["artifacts"]["generator"]["sha256"] for r in chosen.values()}
    names = (f"records/{path.name}" for path in chosen)
    for name in (*names, *(f"generators/{sha256}.safetensors" for sha256 in made)):
        (tmp_path / "board" / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(PUBLISHED / name, tmp_path / "board" / name)
    for folder in Path(test_sets).iterdir():
        if folder.name.lower() in size({"set5"}, {"set5", "bsdt100"}):
            (tmp_path / "data").mkdir(exist_ok=True)
            (tmp_path / "data" / folder.name).symlink_to(folder)
    done = srbench(
        "verify",
        str(tmp_path / "board"),
        *size(("--leave", "data"), ()),
        SRBENCH_DATA=str(tmp_path / "data"),
        ATEN_CPU_CAPABILITY="avx2",
        ONEDNN_MAX_CPU_ISA="AVX2",
        NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = size("no difference without bsdt20, not here", "scores-verified")
    assert f"{verdict}: 2 of 2 rows recomputed" in done.stdout


def test_every_row_carries_the_mark_of_its_last_verification(boards: dict) -> None:
    """Images of ``y4-v1`` have no hashes; of five seeds the trained rows of one are published."""
    marks = json.loads((PUBLISHED / "verification.json").read_text())
    again = {(m["suite_version"], m["label"], m["seed"]) for m in marks.values() if m["reproduced"]}
    assert again == {(3, "mobilenet-v2", 1)}
    found: dict[tuple[int, int | None], set[str]] = {}
    for path in (PUBLISHED / "records").glob("*.json"):
        record = json.loads(path.read_text())
        seed = record["seed"] if record["artifacts"].get("generator") else None
        found.setdefault((record["suite"]["version"], seed), set()).add(
            marks.pop(path.stem)["mark"]
        )
    assert marks == {}
    verified, left = "scores-verified", "not-recomputed"
    assert found == {
        **{(1, seed): {left} for seed in (None, 1, 2, 3)},
        **{(2, seed): {verified} for seed in (None, 1)},
        **{(3, seed): {verified} for seed in (None, 1)},
        **{(3, seed): {verified, left} for seed in (2, 3, 4, 5)},  # warm starts, trained rows
    }
    assert len(boards["pretext-cpu", 2]["rows"]) == 11
    assert len(boards[STUDY]["rows"]) == 17


@pytest.mark.slow
def test_the_headline_is_what_pandas_makes_of_the_records(
    boards: dict, records: dict[Path, dict], tmp_path: Path
) -> None:
    """With the lines of docs/records.md, which know nothing of srbench."""
    (tmp_path / "records").mkdir()
    for path in records:
        shutil.copy(path, tmp_path / "records")
    names = documented_snippets(tmp_path, blocks=-1)
    (primary,) = (h for h in boards[STUDY]["headlines"] if h["primary"])
    for family in primary["families"]:
        read = names["headline"](primary["dataset"], primary["metric"], family["budget"])
        read = read.loc[family["compared"]]
        for label, values in read.iterrows():
            published = family["readings"][label]
            assert values.to_list() == pytest.approx(published["by_seed"], rel=1e-7)
            assert values.mean() == pytest.approx(published["mean"], rel=1e-7)
        threshold, detectable = names["honest_difference"](read)
        assert threshold == pytest.approx(family["tukey"]["threshold"], rel=1e-6)
        assert detectable == pytest.approx(family["tukey"]["detectable"], rel=1e-5)


def test_the_folder_stays_small() -> None:
    total = sum(path.stat().st_size for path in PUBLISHED.rglob("*") if path.is_file())
    assert total < 60e6


def test_the_study_quotes_the_table(boards: dict) -> None:
    """Every number in the tables of STUDY.md is the one in leaderboard.json, rounded."""
    study = (PUBLISHED / "STUDY.md").read_text()
    board = boards[STUDY]
    quoted = 0
    for kind, dataset, table in tables(study):
        header, _, *lines = (cells(line) for line in table.splitlines())
        for label, *values in lines:
            for name, text in zip(header[1:], values, strict=True):
                if kind == "headline":
                    says, group = reading(board, dataset, label, name)
                else:
                    says, group = score(board, dataset, label, name.split()[0].lower())
                number = re.match(r"-?\d+\.\d+", text)
                if says is None or number is None:
                    assert (says, text) in ((None, "not reached"), (None, "-")), (label, name)
                    continue
                digits = len(number[0].partition(".")[2])
                assert number[0] == f"{says:.{digits}f}", (label, name)
                assert text.removeprefix(number[0]).strip() == group, (label, name)
                quoted += 1
    assert quoted > 60


def tables(study: str) -> list[tuple[str, str, str]]:
    """What a table is of, its data set, and its lines."""
    return re.findall(r"<!-- (headline|scores) (\w+) -->\n(.*?)\n\n", study, re.DOTALL)


def reading(board: dict, dataset: str, label: str, column: str) -> tuple[float | None, str]:
    """Of the rank metric's headline, and the letters; ``None`` where the budget is not reached."""
    budget = float(re.findall(r"-\d+(?:\.\d+)?", column)[0])
    (headline,) = (
        h
        for h in board["headlines"]
        if (h["dataset"], h["metric"]) == (dataset, board["rank"]["metric"])
    )
    (family,) = (f for f in headline["families"] if f["budget"] == budget)
    if label in headline["others"]:
        (outside,) = (r for r in headline["others"][label] if r["budget"] == budget)
        return outside["mean"], ""
    return family["readings"][label]["mean"], family["groups"].get(label, "")


def score(board: dict, dataset: str, label: str, metric: str) -> tuple[float | None, str]:
    """Of the table at one strength, and the letters."""
    (row,) = (row for row in board["rows"] if row["label"] == label)
    cell = row["scores"][dataset].get(metric)
    return (None, "") if cell is None else (cell["mean"], cell["group"] or "")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
