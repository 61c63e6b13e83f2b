"""The published leaderboard is what its own records say, and its rows can be recomputed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "leaderboard"


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
def boards() -> dict[str, dict]:
    """Protocol -> the table of its rows."""
    return {b["protocol"]: b for b in json.loads((PUBLISHED / "leaderboard.json").read_text())}


@pytest.fixture
def test_sets(boards: dict[str, dict]) -> str:
    """SRBENCH_DATA with every test set of the leaderboard."""
    roots = [Path(p) for p in os.environ.get("SRBENCH_DATA", "").split(os.pathsep) if p]
    roots.append(ROOT.parent / "shared" / "data")
    wanted = {name for board in boards.values() for name in board["datasets"]}
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
def test_a_row_is_recomputed_by_another_instruction_set(test_sets: str, tmp_path: Path) -> None:
    """The row whose NIQE the last bits moved most under ``y4-v1``, as AVX2 alone makes it."""
    records = {p: json.loads(p.read_text()) for p in (PUBLISHED / "records").glob("*.json")}
    (path,) = (
        path
        for path, record in records.items()
        if (record["loss"]["label"], record["protocol"]) == ("vgg16-conv5_3", "y4-v2")
    )
    generator = f"{records[path]['artifacts']['generator']['sha256']}.safetensors"
    for folder, name in (("records", path.name), ("generators", generator)):
        (tmp_path / folder).mkdir()
        shutil.copy(PUBLISHED / folder / name, tmp_path / folder / name)
    done = srbench(
        "verify",
        str(tmp_path),
        SRBENCH_DATA=test_sets,
        ATEN_CPU_CAPABILITY="avx2",
        ONEDNN_MAX_CPU_ISA="AVX2",
        NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scores-verified: 1 of 1 rows recomputed" in done.stdout


def test_every_row_carries_the_mark_of_its_last_verification(boards: dict[str, dict]) -> None:
    """Images of ``y4-v1`` have no hashes; every row of ``y4-v2`` was recomputed."""
    marks = json.loads((PUBLISHED / "verification.json").read_text())
    found: dict[str, set[str]] = {}
    for path in (PUBLISHED / "records").glob("*.json"):
        record = json.loads(path.read_text())
        found.setdefault(record["protocol"], set()).add(marks.pop(path.stem)["mark"])
    assert marks == {}
    assert found == {"y4-v1": {"not-recomputed"}, "y4-v2": {"scores-verified"}}
    assert len(boards["y4-v2"]["rows"]) == 11


def test_the_folder_stays_small() -> None:
    total = sum(path.stat().st_size for path in PUBLISHED.rglob("*") if path.is_file())
    assert total < 60e6


def test_the_study_quotes_the_table(boards: dict[str, dict]) -> None:
    """Every number in the tables of STUDY.md is the one in leaderboard.json, rounded."""
    study = (PUBLISHED / "STUDY.md").read_text()
    rows = {row["label"]: row for row in boards["y4-v1"]["rows"]}
    quoted = 0
    for table in re.findall(r"<!-- scores (\w+) -->\n(.*?)\n\n", study, re.DOTALL):
        dataset, lines = table[0], table[1].splitlines()
        metrics = [cell.split()[0].lower() for cell in cells(lines[0])[1:]]
        for line in lines[2:]:
            label, *values = cells(line)
            for metric, text in zip(metrics, values, strict=True):
                cell = rows[label]["scores"][dataset].get(metric)
                if cell is None:
                    assert text == "-"
                    continue
                numbers = re.findall(r"-?\d+\.\d+", text)
                shown = [cell["mean"], *((cell["low"], cell["high"]) if len(numbers) > 1 else ())]
                digits = len(numbers[0].partition(".")[2])
                assert numbers == [f"{value:.{digits}f}" for value in shown], (label, metric)
                assert re.findall(r"\b[a-z]+\b", text.replace("to", "")) == (
                    [cell["group"]] if cell["group"] else []
                ), (label, metric)
                quoted += len(numbers)
    assert quoted > 40


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
